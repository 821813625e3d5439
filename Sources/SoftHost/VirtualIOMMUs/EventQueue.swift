import HostABI

/// Events of a guest's IOMMU (`VEVENTQ`), read through a descriptor.
final class EventQueue: HostObject {
  /// One event that waits.
  private struct Event {
    let sequence: UInt32
    let data: [UInt8]
  }

  let viommu: VirtualIOMMU
  let type: UInt32
  let depth: Int
  private var events = WaitingLine<Event>()
  /// The sequence number of the latest lost event, when events were lost since the last one.
  private var lost: UInt32?
  /// The next event's number; all events count, lost ones too.
  private var next: UInt32 = 0

  init(id: UInt32, viommu: VirtualIOMMU, type: UInt32, depth: Int) {
    self.viommu = viommu
    self.type = type
    self.depth = depth
    super.init(id: id)
  }

  /// Who is told that there is something to read.
  var onDelivery: (() -> Void)?

  /// Whether a read would find something.
  var isReadable: Bool { !events.isEmpty || lost != nil }

  /// Queues an event, or notes that one was lost.
  func report(_ data: [UInt8]) {
    defer { onDelivery?() }
    let sequence = next
    next = next == 0x7FFF_FFFF ? 0 : next + 1
    guard events.count < depth else {
      lost = sequence
      return
    }
    // The note of lost events gives way to the next event, whose number tells how many were lost.
    lost = nil
    events.append(Event(sequence: sequence, data: data))
  }

  /// `read(2)`: as many whole events as fit.
  ///
  /// - Throws: `EINVAL` when not even the first fits, `EFAULT`.
  func read(
    _ memory: any CallerMemory, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int {
    let headerSize = VEventHeader.byteCount
    guard count >= headerSize else { throw .EINVAL }
    var done = 0
    while isReadable {
      let event = events.first
      let size = headerSize + (event?.data.count ?? 0)
      guard size <= count - done else {
        if done == 0 { throw .EINVAL }
        break
      }
      let header = VEventHeader {
        $0.flags = event == nil ? 1 : 0
        $0.sequence = event?.sequence ?? lost ?? 0
      }
      do throws(LinuxErrno) {
        try memory.store(header, at: address &+ UInt64(done))
        if let event {
          try memory.store(event.data, at: address &+ UInt64(done + headerSize))
        }
      } catch {
        if done > 0 { break }
        throw error
      }
      if event == nil { lost = nil } else { events.removeFirst() }
      done += size
    }
    return done
  }

  func tearDown() {
    viommu.queues.removeAll { $0 === self }
    viommu.uses -= 1
  }
}
