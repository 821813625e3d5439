import DeviceModels

/// A driver of the accelerator, as a program that has its regions mapped.
struct Driver {
  let device: any DeviceModel

  init(_ device: any DeviceModel) { self.device = device }

  func read32(_ offset: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: device.read(4, at: offset, of: 0))
  }
  func read64(_ offset: UInt64) -> UInt64 { device.read(8, at: offset, of: 0) }
  func write32(_ value: UInt32, _ offset: UInt64) {
    device.write(UInt64(value), 4, at: offset, of: 0)
  }

  /// Does all work that can go on.
  func serve() { while device.serve() {} }

  /// Runs a command to its end.
  ///
  /// - Returns: CMDSTS.
  @discardableResult
  func command(_ code: UInt32, _ operand: UInt32 = 0, interrupt: Bool = false) -> UInt32 {
    write32(operand | code << 20 | (interrupt ? 1 << 31 : 0), 0xA0)
    serve()
    return read32(0xA8)
  }

  /// What a queue is set up with.
  struct Queue {
    var size: UInt32 = 16
    var threshold: UInt32 = 8
    var isDedicated = true
    var blocks = false
    var pasid: UInt32?
    var isPrivileged = false
    var priority: UInt32 = 1
    var transferShift: UInt32 = 31
    var batchShift: UInt32 = 10

    var words: [UInt32] {
      var mode = (isDedicated ? 1 : 0) | (blocks ? 2 : 0) | priority << 4
      if let pasid { mode |= pasid << 8 | 1 << 28 }
      if isPrivileged { mode |= 1 << 29 }
      return [size, threshold, mode, transferShift | batchShift << 5, 0, 0, 0, 0]
    }
  }

  func configure(_ index: Int, _ queue: Queue) {
    for (word, value) in queue.words.enumerated() {
      write32(value, 0x400 + 32 * UInt64(index) + 4 * UInt64(word))
    }
  }

  /// Configures queues, all in group 0 with all engines, and enables everything.
  func start(_ queues: [Queue] = [Queue()]) {
    device.controlsChanged([.busMaster, .pasid, .privileged, .ats, .pageRequests])
    for (index, queue) in queues.enumerated() { configure(index, queue) }
    write32(UInt32(1) << UInt32(queues.count) - 1, 0x300)
    write32(UInt32(1) << UInt32(read64(0x38)) - 1, 0x300 + 32)
    command(1)
    for index in queues.indices { command(6, UInt32(index)) }
  }

  func submit(_ descriptor: Descriptor, to queue: Int = 0) {
    device.store(descriptor.block, at: UInt64(queue) << 14, of: 2)
  }

  func enqueue(_ descriptor: Descriptor, to queue: Int = 0, isLimited: Bool = true) -> Bool {
    device.enqueue(
      descriptor.block, at: UInt64(queue) << 14 | (isLimited ? 0x1000 : 0), of: 2)
  }
}

/// A descriptor field by field, as the specification draws it.
struct Descriptor {
  var opcode: UInt8
  /// Completion address valid, completion record requested.
  var flags: UInt32 = 0b1100
  var identity: UInt32 = 0
  var record: UInt64 = 0x1000
  var source: UInt64 = 0
  var target: UInt64 = 0
  var count: UInt32 = 0
  var handle: UInt16 = 0
  var extra: (UInt64, UInt64, UInt64) = (0, 0, 0)

  init(_ opcode: UInt8, source: UInt64 = 0, target: UInt64 = 0, count: UInt32 = 0) {
    self.opcode = opcode
    self.source = source
    self.target = target
    self.count = count
  }

  static func move(_ source: UInt64, _ target: UInt64, _ count: UInt32) -> Self {
    Self(3, source: source, target: target, count: count)
  }

  func with(_ change: (inout Self) -> Void) -> Self {
    var copy = self
    change(&copy)
    return copy
  }

  var words: [UInt64] {
    [
      UInt64(identity) | UInt64(flags) << 32 | UInt64(opcode) << 56, record, source, target,
      UInt64(count) | UInt64(handle) << 32, extra.0, extra.1, extra.2,
    ]
  }

  var block: WideBlock {
    var block = WideBlock()
    for (index, word) in words.enumerated() { block.words[index] = word }
    return block
  }

  var bytes: [UInt8] {
    words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } }
  }
}

/// A completion record as it stands in memory.
struct Record {
  let status: UInt8
  let result: UInt8
  let completed: UInt32
  let faultAddress: UInt64
  let extra: UInt64

  init(_ port: MemoryPort, at address: UInt64 = 0x1000, pasid: UInt32? = nil) {
    let first = port.word(address, pasid: pasid)
    status = UInt8(truncatingIfNeeded: first)
    result = UInt8(truncatingIfNeeded: first >> 8)
    completed = UInt32(truncatingIfNeeded: first >> 32)
    faultAddress = port.word(address + 8, pasid: pasid)
    extra = port.word(address + 16, pasid: pasid)
  }
}

/// The accelerator with memory: records at 0x1000, buffers from 0x10000 on.
struct Bench {
  let port = MemoryPort()
  let device: DSADevice
  let driver: Driver

  init(_ options: DSAOptions = DSAOptions(), queues: [Driver.Queue]? = [Driver.Queue()]) {
    device = DSADevice(options)
    device.connect(port)
    driver = Driver(device)
    port.map(0x1000)
    port.map(0x1_0000, pages: 64)
    if let queues { driver.start(queues) }
  }

  /// Does one descriptor and tells of its record.
  func run(_ descriptor: Descriptor, queue: Int = 0, pasid: UInt32? = nil) -> Record {
    driver.submit(descriptor, to: queue)
    driver.serve()
    return Record(port, at: descriptor.record, pasid: pasid)
  }
}
