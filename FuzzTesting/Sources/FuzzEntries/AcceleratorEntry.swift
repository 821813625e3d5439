import DeviceModels
import Hardware

/// A hostile program at an accelerator.
///
/// - byte: bits 1:0 nothing, a dedicated queue, one with PASID 5, a shared one that may block; bit 2
///   fewer of everything
/// - steps until the end, at most 300; the low three bits of a byte say which, see `step`
enum AcceleratorEntry {
  static func run(_ bytes: [UInt8]) {
    var feed = ByteFeed(bytes)
    let kind = feed.byte()
    var options = DSAOptions()
    if kind & 4 != 0 {
      options.workQueues = 2
      options.engines = 1
      options.entries = 3
      options.maxTransferShift = 16
      options.maxBatchShift = 2
      options.blocksOnFault = false
    }
    let memory = AcceleratorMemory()
    let device = DSADevice(options)
    device.connect(memory)
    setUp(device, kind & 3)
    var waiting: [PageRequest] = []
    var steps = 0
    while !feed.isEmpty, steps < 300 {
      steps += 1
      step(&feed, device, memory, &waiting)
      waiting += memory.takeRequests()
    }
    finish(device, memory, &waiting)
    checkReset(device, memory, options)
  }

  private static func setUp(_ device: DSADevice, _ kind: UInt8) {
    device.controlsChanged([.busMaster, .pasid, .privileged, .ats, .pageRequests])
    guard kind > 0 else { return }
    let modes: [UInt32] = [0, 0x11, 0x1000_0511, 0x1000_0512]
    let words: [UInt32] = [3, 2, modes[Int(kind)], 16 | 2 << 5]
    for (index, word) in words.enumerated() { write(device, 0x400 + 4 * UInt64(index), word) }
    write(device, 0x300, 1)
    write(device, 0x320, 1)
    write(device, 0xA0, 1 << 20)
    write(device, 0xA0, 6 << 20)
  }

  private static func write(_ device: DSADevice, _ offset: UInt64, _ value: UInt32) {
    device.write(UInt64(value), 4, at: offset, of: 0)
  }

  private static func step(
    _ feed: inout ByteFeed, _ device: DSADevice, _ memory: AcceleratorMemory,
    _ waiting: inout [PageRequest]
  ) {
    let operation = feed.byte()
    let detail = operation >> 3
    switch operation & 7 {
    case 0:
      let size = 1 << Int(detail & 3)
      let offset = UInt64(feed.integer(UInt16.self)) & ~UInt64(size - 1)
      device.write(feed.integer(), size, at: offset & 0xFFF, of: 0)
    case 1:
      let size = 1 << Int(detail & 3)
      let offset = UInt64(feed.integer(UInt16.self)) & ~UInt64(size - 1)
      device.write(feed.integer(), size, at: offset, of: 2)
    case 2: device.store(block(&feed), at: UInt64(detail & 7) << 12, of: 2)
    case 3: _ = device.enqueue(block(&feed), at: UInt64(detail & 7) << 12, of: 2)
    case 4:
      for _ in 0...detail { _ = device.serve() }
    case 5:
      guard let request = waiting.popLast() else {
        return device.respond(PageResponse(group: UInt16(detail), .success))
      }
      memory.setWhole(detail & 4 != 0)
      let codes: [PageResponse.Code] = [.success, .invalid, .failure, .success]
      device.respond(PageResponse(group: request.group, codes[Int(detail & 3)]))
    case 6:
      if detail == 31 {
        memory.advanceEpoch()
        device.reset()
        memory.advanceEpoch()
      } else {
        device.controlsChanged(FunctionControls(rawValue: feed.byte()))
      }
    default:
      let offset = Int(feed.integer(UInt16.self)) & ~31
      memory.put(feed.bytes(64), at: offset)
    }
    check(device)
  }

  private static func block(_ feed: inout ByteFeed) -> WideBlock {
    var block = WideBlock()
    for word in 0..<8 { block.words[word] = feed.integer() }
    return block
  }

  /// What holds at any time.
  private static func check(_ device: DSADevice) {
    let state = device.read(4, at: 0x90, of: 0)
    require(state & ~0xF == 0, "bits of GENSTS that there are not")
    for queue in 0..<UInt64(device.options.workQueues) {
      let occupancy = device.read(4, at: 0x418 + 32 * queue, of: 0) & 0xFFFF
      let size = device.read(4, at: 0x400 + 32 * queue, of: 0)
      require(occupancy <= size, "a queue holds more than it has room for")
    }
  }

  /// With every page request answered, all work and every command come to an end.
  private static func finish(
    _ device: DSADevice, _ memory: AcceleratorMemory, _ waiting: inout [PageRequest]
  ) {
    // A step of a batch ends many descriptors, and three may wait in each of two queues.
    var rounds = 0
    while true {
      rounds += 1
      require(rounds < 100_000, "work without end")
      let isMore = device.serve()
      waiting += memory.takeRequests()
      if isMore { continue }
      guard let request = waiting.popLast() else { break }
      device.respond(PageResponse(group: request.group, .invalid))
    }
    require(device.read(4, at: 0xA8, of: 0) >> 31 == 0, "a command is at work, and nothing else")
  }

  /// A reset of the function leaves what a new device has.
  private static func checkReset(
    _ device: DSADevice, _ memory: AcceleratorMemory, _ options: DSAOptions
  ) {
    device.reset()
    let new = DSADevice(options)
    for offset in stride(from: UInt64(0), to: 0x3000, by: 8) {
      require(
        device.read(8, at: offset, of: 0) == new.read(8, at: offset, of: 0),
        "a register that a reset leaves")
    }
    require(!device.serve(), "work after a reset")
  }
}
