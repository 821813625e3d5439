import HostABI

/// What an engine did that its specification does not foresee, or what it lacks.
enum EngineFailure: Error, CustomStringConvertible {
  case lacks(String)
  case refused(EngineCommand, status: UInt32)
  case hangs(String)
  case shortAccess(offset: UInt64)

  var description: String {
    switch self {
    case .lacks(let what): "the device has no \(what)"
    case .refused(let command, let status): "command \(command) ends with status \(hex(status))"
    case .hangs(let what): "\(what) does not end"
    case .shortAccess(let offset): "the access at \(hex(offset)) is cut short"
    }
  }
}

/// A driver of a Data Streaming Accelerator, made of reads and writes of a VFIO device's regions.
struct Engine {
  private let device: VFIODescriptor
  /// One page that registers are read into and written from.
  private let scratch: UInt64
  private let registers: UInt64
  private let portals: UInt64
  private let configuration: UInt64

  let version: UInt32
  let generalCapabilities: UInt64
  let storage: UInt32
  let queueCount: Int
  let engineCount: Int
  private let queueStride: UInt64
  private let groupTable: UInt64
  private let queueTable: UInt64

  /// Switches memory accesses and bus mastering on, resets the device and reads what it has.
  init(_ device: VFIODescriptor) throws {
    self.device = device
    scratch = try device.bench.memory(4096)
    registers = try device.region(0).offset
    portals = try device.region(2).offset
    configuration = try device.region(VFIOPCI.configRegion).offset
    let io = Registers(device: device, scratch: scratch, base: registers)
    try Registers(device: device, scratch: scratch, base: configuration)
      .store(UInt16(0x0406), at: 4)
    version = try io.load(at: EngineRegister.version)
    generalCapabilities = try io.load(at: EngineRegister.generalCapabilities)
    let queues: UInt64 = try io.load(at: EngineRegister.queueCapabilities)
    storage = UInt32(queues & 0xFFFF)
    queueCount = Int(queues >> 16 & 0xFF)
    queueStride = 32 << (queues >> 24 & 0xF)
    let engines: UInt64 = try io.load(at: EngineRegister.engineCapabilities)
    engineCount = Int(engines & 0xFF)
    let offsets: UInt64 = try io.load(at: EngineRegister.tableOffsets)
    groupTable = (offsets & 0xFFFF) << 8
    queueTable = (offsets >> 16 & 0xFFFF) << 8
    let operations: UInt64 = try io.load(at: EngineRegister.operations)
    guard version >> 8 >= 1, version != .max else { throw EngineFailure.lacks("known version") }
    guard queues >> 48 & 0b11 == 0b11, queueCount >= 3 else {
      throw EngineFailure.lacks("three queues, shared and dedicated")
    }
    guard engineCount >= 1 else { throw EngineFailure.lacks("engine") }
    guard operations >> WorkDescriptor.Operation.move.rawValue & 1 == 1 else {
      throw EngineFailure.lacks("memory move")
    }
  }

  /// Whether a queue may let descriptors wait for missing pages.
  var mayBlock: Bool { generalCapabilities & 1 != 0 }

  private var io: Registers { Registers(device: device, scratch: scratch, base: registers) }

  /// Switches memory accesses and bus mastering on, which a reset switches off.
  func switchOn() throws {
    try Registers(device: device, scratch: scratch, base: configuration)
      .store(UInt16(0x0406), at: 4)
  }

  /// The state of the device: 0 is disabled, 1 enabled.
  func state() throws -> UInt32 { try io.load(UInt32.self, at: EngineRegister.state) & 0b11 }

  /// Carries out a command and waits for its end.
  func perform(_ command: EngineCommand, _ operand: UInt32 = 0) throws {
    try io.store(command.rawValue << 20 | operand, at: EngineRegister.command)
    var status: UInt32 = 0
    let isOver = try EnginePatience.until {
      status = try io.load(at: EngineRegister.commandStatus)
      return status >> 31 == 0
    }
    guard isOver else { throw EngineFailure.hangs("command \(command)") }
    guard status & 0xFF == 0 else {
      throw EngineFailure.refused(command, status: status & 0xFF)
    }
  }

  /// Resets the device, puts the queues into one group with one engine, and enables all.
  func configure(_ queues: [QueueConfiguration]) throws {
    try perform(.resetDevice)
    for (index, queue) in queues.enumerated() { try write(queue, at: index) }
    try io.store(UInt64(1) << UInt64(queues.count) - 1, at: groupTable)
    try io.store(UInt64(1), at: groupTable + 32)
    try perform(.enableDevice)
    for index in queues.indices { try perform(.enableQueue, UInt32(index)) }
  }

  /// Gives a queue another configuration; it is disabled meanwhile.
  func reconfigure(_ index: Int, _ queue: QueueConfiguration) throws {
    try perform(.disableQueue, 1 << UInt32(index))
    try write(queue, at: index)
    try perform(.enableQueue, UInt32(index))
  }

  private func write(_ queue: QueueConfiguration, at index: Int) throws {
    let start = queueTable + UInt64(index) * queueStride
    for (number, dword) in queue.dwords(generalCapabilities).enumerated() {
      try io.store(dword, at: start + UInt64(number) * 4)
    }
  }

  /// Writes a descriptor to the first portal of a queue.
  func submit(_ descriptor: WorkDescriptor, to queue: Int) throws {
    try device.bench.kernel.store(descriptor.bytes, scratch)
    let offset = portals + UInt64(queue) * 0x4000
    let taken = try device.bench.kernel.pwrite(device.descriptor, scratch, 64, at: offset)
    guard taken == 64 else { throw EngineFailure.shortAccess(offset: offset) }
  }

  /// The error that waits in the register for those without a record; it is acknowledged.
  func takeSoftwareError() throws -> SoftwareError {
    let first: UInt64 = try io.load(at: EngineRegister.softwareError)
    let address: UInt64 = try io.load(at: EngineRegister.softwareError + 16)
    try io.store(first & 0b11, at: EngineRegister.softwareError)
    return SoftwareError(first, address: address)
  }
}

/// Accesses of one region, each as wide as the register.
private struct Registers {
  let device: VFIODescriptor
  let scratch: UInt64
  let base: UInt64

  func load<Value: FixedWidthInteger>(
    _ type: Value.Type = Value.self, at offset: UInt64
  ) throws -> Value {
    let kernel = device.bench.kernel
    let size = Value.bitWidth / 8
    let got = try kernel.pread(device.descriptor, scratch, size, at: base + offset)
    guard got == size else { throw EngineFailure.shortAccess(offset: base + offset) }
    return try kernel.load(scratch, size).little(Value.self, at: 0)
  }

  func store<Value: FixedWidthInteger>(_ value: Value, at offset: UInt64) throws {
    let kernel = device.bench.kernel
    try kernel.store(value.littleEndianBytes, scratch)
    let size = Value.bitWidth / 8
    let taken = try kernel.pwrite(device.descriptor, scratch, size, at: base + offset)
    guard taken == size else { throw EngineFailure.shortAccess(offset: base + offset) }
  }
}
