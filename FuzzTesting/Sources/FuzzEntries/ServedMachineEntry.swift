import DeviceModels
import HostABI
import VFIOUser
import VirtualIOMMU

@testable import HostSystem
@testable import Serving
@testable import SoftHost

/// What clients and a guest do to the devices and the unit behind `passage serve`, without sockets.
///
/// - byte: bit 0 the unit is on, with tables that give PASIDs 1 to 3 a page each; bit 1 the accelerator
///   has two queues
/// - operations until the end, at most 200, each a byte and what it needs
///
/// The accelerator works where an operation says so, so that an input has one outcome.
enum ServedMachineEntry {
  static func run(_ bytes: [UInt8]) {
    guard let machine = FuzzedMachine() else { return }
    var feed = ByteFeed(bytes)
    let kind = feed.byte()
    if kind & 1 != 0 { machine.turnOn() }
    if kind & 2 != 0 { machine.enable() }
    for _ in 0..<200 where !feed.isEmpty { machine.step(&feed) }
    machine.check()
  }
}

/// A machine of one accelerator behind a unit, and a guest's memory of which the end is nobody's.
private final class FuzzedMachine {
  private static let byteCount = 2 << 20
  private static let given: UInt64 = 0x1C_0000
  private let machine: ServedMachine
  private let device: ModelDevice
  private let function: UnitFunction
  private let memory: AnonymousMemory
  private let file: ReceivedFile
  private let peer = DeafPeer()

  init?() {
    let options = { () throws in
      ServeOptions(
        devices: [try ServedDeviceChoice(parsing: "dsa,xfer=16")],
        unit: try ServedUnitChoice(parsing: "vtd"), socketDirectory: "/nowhere")
    }
    guard let options = try? options(),
      let machine = try? ServedMachine(
        options, kernel: SoftwareHost(HostDescription(units: [], devices: [])).makeProcess(),
        trace: NoTrace()),
      let device = machine.devices.first?.model, let function = machine.unit?.function,
      let descriptor = try? Calls.makeMemoryFile(Self.byteCount),
      let memory = try? AnonymousMemory(mapping: descriptor, byteCount: Self.byteCount)
    else { return nil }
    self.machine = machine
    self.device = device
    self.function = function
    self.memory = memory
    file = ReceivedFile(owning: descriptor)
    for place in stride(from: Int(Self.given), to: Self.byteCount, by: 4096) {
      memory.store(UInt64(0x5AFE), at: place)
    }
    for served in functions {
      served.attached(to: peer)
      try? served.map(mapping(0..<Self.given))
    }
  }

  deinit { machine.stop() }

  private var functions: [any UserDevice] { [device, function] }

  private func mapping(_ range: Range<UInt64>) -> UserMapping {
    UserMapping(
      range: range.lowerBound...range.upperBound - 1, isReadable: true, isWritable: true,
      file: (file, range.lowerBound))
  }

  // MARK: A beginning

  private func put(_ value: UInt64, at address: Int) { memory.store(value, at: address) }

  private func write(
    _ value: UInt64, _ count: Int, _ offset: UInt64, _ region: Int, _ served: any UserDevice
  ) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    try? served.write(region, at: offset, bytes.span)
  }

  func turnOn() {
    put(0x2000 | 1, at: 0x1000)
    put(0x3000 | 0x1D, at: 0x2000 + 64 * 32)
    put(0x4000 | 1, at: 0x3000)
    for pasid in 1...3 {
      let top = 0x10_0000 + pasid * 0x4000
      put(1, at: 0x4000 + pasid * 64 + 8)
      put(UInt64(top), at: 0x4000 + pasid * 64 + 16)
      put(1 | 1 << 6, at: 0x4000 + pasid * 64)
      for level in 0..<3 { put(UInt64(top + 0x1000 * (level + 1)) | 7, at: top + 0x1000 * level) }
      for page in 0..<4 { put(UInt64(0x18_0000 + page << 12) | 7, at: top + 0x3000 + page * 8) }
    }
    write(0x5000 | 1 << 11, 8, 0x90, 0, function)
    write(0x7000, 8, 0xD0, 0, function)
    write(1 << 26, 4, 0x18, 0, function)
    write(0x1000 | 1 << 10, 8, 0x20, 0, function)
    write(1 << 26 | 1 << 30, 4, 0x18, 0, function)
    write(1 << 26 | 1 << 31, 4, 0x18, 0, function)
  }

  func enable() {
    write(6, 2, 4, 7, device)
    write(0x8000, 2, 0x226, 7, device)
    write(1, 2, 0x236, 7, device)
    write(1, 2, 0x244, 7, device)
    for queue in 0..<2 as Range<UInt64> {
      write(16 | 8 << 32, 8, 0x400 + 32 * queue, 0, device)
      write(
        0x13 | (queue + 1) << 8 | 1 << 28 | (16 | 4 << 5) << 32, 8, 0x408 + 32 * queue, 0, device)
    }
    write(3, 4, 0x300, 0, device)
    write(15, 4, 0x320, 0, device)
    for command in [1 << 20, 6 << 20, 6 << 20 | 1] as [UInt64] {
      write(command, 4, 0xA0, 0, device)
      work()
    }
  }

  private func work() {
    for _ in 0..<16 where !device.model.serve() { return }
  }

  // MARK: Steps

  func step(_ feed: inout ByteFeed) {
    let code = feed.byte()
    let served = functions[Int(code >> 7)]
    switch code & 15 {
    case 0: read(served, Int(feed.byte() & 7), feed.integer(UInt16.self), feed.byte())
    case 1:
      let place = feed.integer(UInt16.self)
      let count = [1, 2, 4, 8][Int(code >> 4 & 3)]
      write(feed.integer(), count, UInt64(place & 0xFFF) & ~UInt64(count - 1), 7, served)
    case 2, 3:
      let place = UInt64(feed.integer(UInt16.self)) & 0xFFF
      let count = [1, 2, 4, 8][Int(code >> 4 & 3)]
      write(feed.integer(), count, min(place, 4096 - 8), 0, served)
    case 4:
      let place = Int(feed.integer(UInt16.self)) << 3 & (Int(Self.given) - 8)
      put(feed.integer(), at: place)
    case 5: served.unmap(0...Self.given - 1)
    case 6: try? served.map(mapping(0..<Self.given))
    case 7: try? served.reset()
    case 8:
      let actions: [UserInterruptChange.Action] = [.none, .fire, .mask, .unmask, .trigger(nil)]
      try? served.setInterrupts(
        UserInterruptChange(
          kind: Int(code >> 4 & 7), start: Int(feed.byte()),
          actions: Array(actions.prefix(Int(feed.byte() & 7)))))
    case 9:
      var descriptor = feed.bytes(64)
      descriptor += [UInt8](repeating: 0, count: 64 - descriptor.count)
      try? device.write(2, at: UInt64(code >> 4 & 7) << 12, descriptor.span)
    case 10: work()
    case 11:
      // A descriptor of the unit's queue, and the doorbell.
      let tail = Int(feed.byte() & 127) * 32
      put(feed.integer(), at: 0x5000 + tail)
      put(feed.integer(), at: 0x5000 + tail + 8)
      write(UInt64(tail + 32) & 0xFFF, 8, 0x88, 0, function)
    case 12:
      served.detached()
      served.attached(to: peer)
    default: read(function, 0, feed.integer(UInt16.self), 8)
    }
  }

  private func read(_ served: any UserDevice, _ region: Int, _ place: UInt16, _ count: UInt8) {
    let size = served.information.regions[region].byteCount
    guard size > 0 else { return }
    // The server lets nothing pass that is not in the region.
    let offset = UInt64(place) % size
    var bytes = [UInt8](repeating: 0, count: Int(min(UInt64(count) + 1, size - offset)))
    var span = bytes.mutableSpan
    try? served.read(region, at: offset, into: &span)
  }

  // MARK: What holds

  func check() {
    for place in stride(from: Int(Self.given), to: Self.byteCount, by: 4096) {
      require(memory.load(UInt64.self, at: place) == 0x5AFE, "memory that nobody gave was written")
    }
    for served in functions {
      served.detached()
      var identity = [UInt8](repeating: 0, count: 4)
      var span = identity.mutableSpan
      try? served.read(7, at: 0, into: &span)
      let expected: [UInt8] =
        served === device ? [0x86, 0x80, 0x25, 0x0B] : [0x36, 0x1B, 0xFE, 0x00]
      require(identity == expected, "a function without a client is not as it was at first")
    }
    require(function.memory.all.isEmpty, "memory of a client that is gone is kept")
    require(function.unit.read(0x1C, size: 4) == 0, "the unit is on without a client")
  }
}

private struct NoTrace: ServeTrace {
  var wantsAccesses: Bool { false }
  func note(_ event: ServeEvent, of device: String) {}
}

/// A client that takes messages, and has no memory for requests.
private final class DeafPeer: UserPeer {
  func post(_ address: UInt64, _ bytes: Span<UInt8>) -> Bool { true }
  func read(_ address: UInt64, into buffer: inout MutableSpan<UInt8>) throws(LinuxErrno) {
    throw .EIO
  }
  func write(_ address: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno) { throw .EIO }
}
