import DeviceModels
import HostABI
import HostLab
import Hardware
import IOMMUClient
import SoftHost

/// A program on a software host that has one accelerator, bound and with its memory mapped.
///
/// Its memory is at `memory`, 64 pages; devices find it at the same address in each space that it is
/// mapped into.
final class HostBench: Sendable {
  let host: SoftwareHost
  let running: RunningDevices
  let program: SoftProcess
  let context: IOMMUContext
  let memory: UInt64
  static let size: UInt64 = 64 * 4096

  init(_ options: DSAOptions = DSAOptions(), unit: UnitChoice = UnitChoice()) throws {
    let set = try DeviceSet([DeviceChoice(.accelerator(options))])
    host = try SoftwareHost(set.hostDescription(unit, isStrict: true))
    running = set.start(on: host)
    program = host.makeProcess()
    context = try IOMMUContext(on: program)
    memory = try program.allocate(Int(Self.size), [.read, .write])
  }

  /// Opens and binds the accelerator.
  func bind() throws -> BoundDevice {
    try VFIODevice(path: "/dev/vfio/devices/vfio0", on: program).bind(to: context)
  }

  /// An address space with part of the memory.
  func space(_ pages: Range<UInt64> = 0..<64) throws -> IOAddressSpace {
    let space = try IOAddressSpace(in: context)
    let start = memory + pages.lowerBound * 4096
    try space.map(start, byteCount: UInt64(pages.count) * 4096, at: IOVA(start))
    return space
  }

  func put(_ bytes: [UInt8], at offset: UInt64) throws { try program.store(bytes, memory + offset) }
  func get(_ offset: UInt64, _ count: Int) throws -> [UInt8] {
    try program.load(memory + offset, count)
  }

  /// A copy within the memory, whose record goes to its start.
  func move(_ source: UInt64, _ target: UInt64, _ count: UInt32) -> Descriptor {
    .move(memory + source, memory + target, count).with { $0.record = memory }
  }

  /// How often is looked, a millisecond or more apart: minutes, which only what hangs needs.
  static let patience = 120_000

  /// Waits until a condition holds.
  ///
  /// - Returns: Whether it came to hold.
  func wait(until condition: () throws -> Bool) async throws -> Bool {
    for _ in 0..<Self.patience {
      if try condition() { return true }
      try await Task.sleep(for: .milliseconds(1))
    }
    return false
  }
}

extension BoundDevice {
  /// Turns memory decode and bus mastering on.
  func enable() throws {
    let config = try region(7)
    try store(UInt16(6), config, at: 4)
  }

  func write32(_ value: UInt32, _ offset: UInt64) throws {
    try store(value, try region(0), at: offset)
  }

  func read32(_ offset: UInt64) throws -> UInt32 {
    try load(UInt32.self, try region(0), at: offset)
  }

  /// Sets up queues in one group and enables everything.
  func start(_ queues: [Driver.Queue], on bench: HostBench) async throws {
    for (index, queue) in queues.enumerated() {
      for (word, value) in queue.words.enumerated() {
        try write32(value, 0x400 + 32 * UInt64(index) + 4 * UInt64(word))
      }
    }
    try write32(UInt32(1) << UInt32(queues.count) - 1, 0x300)
    try write32(0xF, 0x320)
    _ = try await command(1, 0, on: bench)
    for index in queues.indices { _ = try await command(6, UInt32(index), on: bench) }
  }

  /// Runs a command.
  ///
  /// - Returns: CMDSTS.
  func command(_ code: UInt32, _ operand: UInt32, on bench: HostBench) async throws -> UInt32 {
    try write32(operand | code << 20, 0xA0)
    var status: UInt32 = 1 << 31
    for _ in 0..<HostBench.patience where status >> 31 == 1 {
      status = try read32(0xA8)
      if status >> 31 == 1 { try await Task.sleep(for: .milliseconds(1)) }
    }
    return status
  }

  /// Hands a descriptor to a queue by its descriptor, in 64 bytes, and waits for its record.
  ///
  /// - Returns: The status; 0 when nothing came.
  func run(
    _ descriptor: Descriptor, queue: UInt64 = 0, on bench: HostBench, isAwaited: Bool = true
  ) async throws -> UInt8 {
    try bench.put(Array(repeating: 0, count: 32), at: 0)
    try write(descriptor.bytes, try region(2), at: queue << 14)
    guard isAwaited else { return 0 }
    _ = try await bench.wait { try bench.get(0, 1) != [0] }
    return try bench.get(0, 1)[0]
  }
}
