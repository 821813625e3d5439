import Glibc
import HostABI
import HostSystem
import Synchronization
import VFIOUser
import VirtualIOMMU

/// From the doorbell of a guest's invalidation queue to the cache that must forget.
struct ServeUnitRows {
  let setup: Setup
  private var count: Int { setup.pairs == 1 ? 200 : 20_000 }

  init(_ setup: Setup) { self.setup = setup }

  func measure(into table: inout Table) {
    do {
      let guest = try ServeGuest()
      try direct(guest, &table)
      try served(guest, &table)
    } catch {
      table.fail("serve: \(error)")
    }
  }

  struct Wrong: Error {}

  /// What a page-selective invalidation of a cached page and the wait behind it take.
  private func direct(_ guest: ServeGuest, _ table: inout Table) throws {
    let clock = ContinuousClock()
    var times: [Double] = []
    times.reserveCapacity(count)
    for _ in 0..<count {
      guard guest.found == guest.place else { throw Wrong() }
      let tail = guest.move()
      let start = clock.now
      guest.unit.write(tail, at: VTdRegister.queueTail, size: 4)
      times.append((clock.now - start) / .microseconds(1))
      guard guest.isDone else { throw Wrong() }
    }
    Self.add("doorbell written in process until the write returns", times, hasBar: true, &table)
  }

  /// The same with the doorbell posted over a socket, as a VMM does it.
  private func served(_ guest: ServeGuest, _ table: inout Table) throws {
    let device = ServeUnitDevice(guest.unit)
    let server = UserServer(path: setup.folder + "/unit.sock", device: device)
    try server.start()
    defer { server.stop() }
    let client = try UserClient(path: server.path)
    defer { client.disconnect() }
    _ = try client.negotiate()
    let clock = ContinuousClock()
    var (inside, whole): ([Double], [Double]) = ([], [])
    for _ in 0..<count {
      guard guest.found == guest.place else { throw Wrong() }
      let tail = guest.move()
      let written = device.written.load(ordering: .acquiring)
      // Offset, region and count, and the tail in four bytes.
      let words = [UInt64(VTdRegister.queueTail), 4 << 32, tail]
      let message = words.flatMap { word in
        (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
      }
      let start = clock.now
      client.tell(.regionWrite, Array(message.prefix(20)))
      while !guest.isDone { _ = sched_yield() }
      whole.append((clock.now - start) / .microseconds(1))
      while device.written.load(ordering: .acquiring) == written { _ = sched_yield() }
      inside.append(Double(device.nanoseconds.load(ordering: .acquiring)) / 1000)
    }
    Self.add("doorbell at the server until its write returns", inside, hasBar: true, &table)
    Self.add("doorbell sent by a client until the wait's status", whole, hasBar: false, &table)
  }

  private static func add(
    _ what: String, _ times: [Double], hasBar: Bool, _ table: inout Table
  ) {
    let sorted = times.sorted()
    let late = sorted[sorted.count * 99 / 100]
    table.add(
      "a page leaves the IOTLB: \(what); median and p99",
      "\(times.median.short) us, \(late.short) us", bar: hasBar ? "<= 10 us" : "-",
      hasBar ? times.median <= 10 : nil)
  }
}

/// A unit's register page behind a socket, with a clock.
private final class ServeUnitDevice: UserDevice {
  private let unit: VTdUnit
  /// How many writes are done, and what the last one took.
  let written = Atomic<UInt64>(0)
  let nanoseconds = Atomic<UInt64>(0)

  init(_ unit: VTdUnit) { self.unit = unit }

  let information = UserDeviceInformation(
    name: "unit", regions: [.init(byteCount: 4096, flags: [.read, .write])], interrupts: [])

  func attached(to peer: any UserPeer) {}
  func detached() {}
  func map(_ mapping: UserMapping) throws(UserRefusal) {}
  func unmap(_ range: ClosedRange<UInt64>) {}
  func setInterrupts(_ change: UserInterruptChange) throws(LinuxErrno) {}
  func reset() throws(LinuxErrno) {}

  func read(
    _ region: Int, at offset: UInt64, into buffer: inout MutableSpan<UInt8>
  ) throws(LinuxErrno) {}

  func write(_ region: Int, at offset: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno) {
    let start = ContinuousClock.now
    var value: UInt64 = 0
    for index in bytes.indices { value |= UInt64(bytes[index]) << UInt64(8 * index) }
    unit.write(value, at: Int(offset), size: bytes.count)
    let time = (ContinuousClock.now - start) / .nanoseconds(1)
    nanoseconds.store(UInt64(time), ordering: .releasing)
    written.wrappingAdd(1, ordering: .releasing)
  }
}
