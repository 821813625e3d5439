import Glibc
import HostABI
import HostSystem
import Hardware
import Synchronization
import VFIOUser

/// The device of VFIOUserProbe's device.h, as ours: a page of registers that can copy memory.
///
/// It maps the client's memory and copies with memcpy, as the other servers of that device do, so this
/// file is unsafe. What comes by messages is fetched on a thread of its own, as it must be.
final class ServeDevice: UserDevice {
  private static let registerBytes: UInt64 = 64 << 10
  private static let (scratch, source, target, byteCount, record, doorbell) =
    (0x00, 0x08, 0x10, 0x18, 0x20, 0x28)
  private enum Order: UInt8 { case copy = 1, copyByMessages, interrupt }

  private struct State {
    var registers = [UInt64](repeating: 0, count: 8)
    var peer: (any UserPeer)?
    /// One mapping, and where it is.
    var mapping: (range: ClosedRange<UInt64>, place: UInt)?
    var event: ReceivedFile?
    /// Copies by messages that are to be done.
    var orders: [[UInt64]] = []
  }

  private let state = Mutex(State())
  private let messenger: Mutex<ServiceThread?> = Mutex(nil)
  private let bytes = Mutex([UInt8](repeating: 0, count: 1 << 20))

  init() {
    let thread = ServiceThread { [unowned self] in self.copyByMessages() }
    messenger.withLock { $0 = thread }
  }

  let information = UserDeviceInformation(
    name: "bench",
    regions: (0..<9).map { region in
      switch region {
      case 0: .init(byteCount: registerBytes, flags: [.read, .write])
      case 7: .init(byteCount: 4096, flags: [.read, .write])
      default: .init()
      }
    },
    interrupts: (0..<5).map { $0 == 2 ? .init(count: 1, flags: 1) : .init() })

  func attached(to peer: any UserPeer) { state.withLock { $0.peer = peer } }

  func detached() {
    state.withLock { state in
      Self.forget(&state)
      state = State()
    }
  }

  // MARK: Registers

  func read(
    _ region: Int, at offset: UInt64, into buffer: inout MutableSpan<UInt8>
  ) throws(LinuxErrno) {
    guard region == 0, offset < 64, Int(offset & 7) + buffer.count <= 8 else { return }
    let value = state.withLock { $0.registers[Int(offset >> 3)] } >> (8 * (offset & 7))
    for index in buffer.indices {
      buffer[index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
  }

  func write(_ region: Int, at offset: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno) {
    guard region == 0, offset < 64, Int(offset & 7) + bytes.count <= 8 else { return }
    let isMore = state.withLock { state in
      let place = Int(offset >> 3)
      for index in bytes.indices {
        let shift = 8 * (offset & 7 + UInt64(index))
        state.registers[place] &= ~(0xFF << shift)
        state.registers[place] |= UInt64(bytes[index]) << shift
      }
      guard offset == Self.doorbell else { return false }
      switch Order(rawValue: UInt8(truncatingIfNeeded: state.registers[place])) {
      case .copy: Self.copy(state)
      case .copyByMessages:
        state.orders.append(state.registers)
        return true
      case .interrupt:
        var one: UInt64 = 1
        // The value lives for the call.
        if let event = state.event { _ = unsafe Glibc.write(event.descriptor, &one, 8) }
      case nil: break
      }
      return false
    }
    if isMore { messenger.withLock { $0?.poke() } }
  }

  func reset() throws(LinuxErrno) {}

  // MARK: Memory

  func map(_ mapping: UserMapping) throws(UserRefusal) {
    guard let file = mapping.file else { return }
    let count = Int(mapping.range.upperBound - mapping.range.lowerBound + 1)
    // Linux chooses the place, and nothing but this device knows it.
    let place = unsafe mmap(
      nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, file.file.descriptor, Int(file.offset))
    guard let place = unsafe place, unsafe place != MAP_FAILED else {
      throw UserRefusal(.ENOMEM)
    }
    let address = UInt(bitPattern: place)
    state.withLock { state in
      Self.forget(&state)
      state.mapping = (mapping.range, address)
    }
  }

  func unmap(_ range: ClosedRange<UInt64>) { state.withLock { Self.forget(&$0) } }

  private static func forget(_ state: inout State) {
    guard let mapping = state.mapping else { return }
    state.mapping = nil
    let count = Int(mapping.range.upperBound - mapping.range.lowerBound + 1)
    // It was mapped above with this size, and is used under the same lock only.
    unsafe munmap(UnsafeMutableRawPointer(bitPattern: mapping.place), count)
  }

  /// Where bytes are in our memory, if the mapping has all of them.
  private static func place(
    _ state: borrowing State, _ address: UInt64, _ count: UInt64
  ) -> UnsafeMutableRawPointer? {
    guard let mapping = state.mapping, count > 0, mapping.range.contains(address),
      mapping.range.upperBound - address >= count - 1
    else { return nil }
    return unsafe UnsafeMutableRawPointer(
      bitPattern: mapping.place + UInt(address - mapping.range.lowerBound))
  }

  private static func copy(_ state: borrowing State) {
    let count = state.registers[byteCount / 8]
    // All three were found in the mapping, which stays while the lock is held.
    guard let from = unsafe place(state, state.registers[source / 8], count),
      let to = unsafe place(state, state.registers[target / 8], count),
      let done = unsafe place(state, state.registers[record / 8], 8)
    else { return }
    unsafe memmove(to, from, Int(count))
    unsafe done.assumingMemoryBound(to: Atomic<UInt64>.self).pointee
      .store(state.registers[doorbell / 8], ordering: .releasing)
  }

  // MARK: Messages

  /// Does one copy by messages; whether there are more.
  private func copyByMessages() -> Bool {
    let (order, peer, isMore) = state.withLock { state in
      let order = state.orders.isEmpty ? nil : state.orders.removeFirst()
      return (order, state.peer, !state.orders.isEmpty)
    }
    guard let order, let peer, order[Self.byteCount / 8] <= 1 << 20 else { return isMore }
    let count = Int(order[Self.byteCount / 8])
    try? bytes.withLock { bytes throws(LinuxErrno) in
      var buffer = bytes.mutableSpan
      var part = buffer._mutatingExtracting(first: count)
      try peer.read(order[Self.source / 8], into: &part)
    }
    try? bytes.withLock { bytes throws(LinuxErrno) in
      try peer.write(order[Self.target / 8], bytes.span.extracting(first: count))
    }
    var record = [UInt8](repeating: 0, count: 8)
    for index in 0..<8 {
      record[index] = UInt8(truncatingIfNeeded: order[Self.doorbell / 8] >> UInt64(8 * index))
    }
    try? peer.write(order[Self.record / 8], record.span)
    return isMore
  }

  // MARK: Interrupts

  func setInterrupts(_ change: UserInterruptChange) throws(LinuxErrno) {
    guard change.kind == 2 else { return }
    state.withLock { state in
      guard let action = change.actions.first else { return state.event = nil }
      if case .trigger(let file) = action { state.event = file }
    }
  }
}
