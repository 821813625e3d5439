import DeviceModels
import HostABI
import Hardware
import SoftHost

/// The accelerator's model at the endpoint of the software host's first device, with a PASID that
/// has memory; descriptors are done on the measuring thread.
final class BenchAccelerator {
  /// Where the memory is, for devices.
  static let start: UInt64 = 0x10_0000
  static let byteCount = 1 << 20
  static let pasid: UInt32 = 5

  private let program: BenchProgram
  private let device = DSADevice()
  /// The memory as the program addresses it.
  private let memory: UInt64
  let endpoint: Endpoint

  init() throws(LinuxErrno) {
    let program = try BenchProgram()
    let process = program.process
    memory = try process.allocate(Self.byteCount, [.read, .write])
    let function = try process.open("/dev/vfio/devices/vfio0")
    let id = try program.request(
      0x3B76, on: function, [24, 0, UInt32(bitPattern: program.context), 0, 0, 0], answer: 3)
    let space = try program.request(0x3B81, [12, 0, 0], answer: 2)
    let halves = [memory, UInt64(Self.byteCount), Self.start].flatMap {
      [UInt32(truncatingIfNeeded: $0), UInt32($0 >> 32)]
    }
    try program.request(0x3B85, [40, 7, space, 0] + halves)
    let table = try program.request(
      0x3B89, [48, 8, id, space, 0, 0, 0, 0, 0, 0, 0, 0], answer: 4)
    try program.request(0x3B77, on: function, [16, 0, table, 0])
    try program.request(0x3B77, on: function, [16, 1, table, Self.pasid])
    // Memory decode and bus mastering.
    try process.store([6, 0], program.place)
    _ = try process.pwrite(function, program.place, 2, at: 7 << 40 | 4)
    self.program = program
    endpoint = program.host.endpoints[0]
    device.connect(BenchPort(endpoint))
    device.controlsChanged([.busMaster, .pasid, .ats])
    let words: [UInt32] = [16, 0, 0x1000_0011 | Self.pasid << 8, 31]
    for (index, word) in words.enumerated() { write(word, at: 0x400 + 4 * UInt64(index)) }
    write(1, at: 0x300)
    write(1, at: 0x320)
    for command: UInt32 in [1 << 20, 6 << 20] { write(command, at: 0xA0) }
  }

  private func write(_ value: UInt32, at offset: UInt64) {
    device.write(UInt64(value), 4, at: offset, of: 0)
  }

  /// Copies with the PASID, descriptor by descriptor.
  ///
  /// - Parameters:
  ///   - count: The bytes of each.
  ///   - rounds: How many.
  func copy(_ count: Int, _ rounds: Int) {
    var block = WideBlock()
    block.words[0] = 3 << 56 | 0xC << 32
    block.words[1] = Self.start
    block.words[2] = Self.start + 0x1000
    block.words[3] = Self.start + 0x8_0000
    block.words[4] = UInt64(count)
    for _ in 0..<rounds {
      device.store(block, at: 0, of: 2)
      while device.serve() {}
    }
  }

  /// Whether the last copy succeeded.
  var hasSucceeded: Bool { (try? program.process.load(memory, 1)) == [1] }

  /// Copies as the endpoint does by itself, without an accelerator.
  func copyDirectly(_ count: Int, _ rounds: Int) {
    let pasid = PASID(rawValue: Self.pasid)
    for _ in 0..<rounds {
      _ = endpoint.copy(
        count, from: IOVA(Self.start + 0x1000), to: IOVA(Self.start + 0x8_0000), pasid: pasid)
    }
  }
}

/// The accelerator's way to the endpoint.
private final class BenchPort: DevicePort {
  private let endpoint: Endpoint

  init(_ endpoint: Endpoint) { self.endpoint = endpoint }

  var epoch: UInt64 { 0 }
  func wake() {}
  func interrupt(_ vector: Int) {}
  func request(_ request: PageRequest) -> Bool { false }

  func read(
    _ address: IOVA, into buffer: inout MutableSpan<UInt8>, as requester: DMARequester
  ) -> DMAAnswer {
    answer(endpoint.read(address, into: &buffer, pasid: requester.pasid), address)
  }

  func write(_ address: IOVA, _ buffer: Span<UInt8>, as requester: DMARequester) -> DMAAnswer {
    answer(endpoint.write(address, buffer, pasid: requester.pasid), address)
  }

  func copy(
    _ byteCount: Int, from source: IOVA, to target: IOVA, as requester: DMARequester
  ) -> DMAAnswer {
    answer(endpoint.copy(byteCount, from: source, to: target, pasid: requester.pasid), source)
  }

  private func answer(_ result: DMAResult, _ address: IOVA) -> DMAAnswer {
    result == .done ? .done : .refused(at: address, isWrite: false, doneBytes: 0)
  }
}
