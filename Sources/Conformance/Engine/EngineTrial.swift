import HostABI

/// What the steps of one run share: a bound engine, and spaces that its PASIDs go to.
final class EngineTrial {
  /// The queues, as ``Engine/configure(_:)`` gets them.
  enum Queue {
    static let plain = 0
    static let dedicated = 1
    static let shared = 2
  }

  /// How a descriptor ended.
  enum Outcome {
    case record(CompletionRecord)
    case error(SoftwareError)
    /// Neither, after many looks.
    case silence
  }

  let bench: Bench
  /// The device's node.
  let path: String
  let context: Context
  let device: VFIODescriptor
  let deviceID: UInt32
  let engine: Engine
  /// Bits of the largest PASID that the host attaches.
  let pasidWidth: UInt8
  /// Where requests without a PASID go.
  let plain: EngineSpace
  /// Where nothing goes at first.
  let spare: EngineSpace
  /// Where requests with a PASID go.
  private(set) var spaces: [UInt32: EngineSpace] = [:]
  /// Where no requests go any more.
  private var retired: [EngineSpace] = []
  /// PASIDs of the run, in order; the last one is the largest of all.
  let pasids: [UInt32]
  /// Those that every step looks at: all, or of very many the first, the last and some between.
  let sample: [UInt32]
  /// A PASID that is never attached.
  let absent: UInt32

  private var round = 0

  /// Binds the device, makes the address spaces and attaches each PASID to its own.
  init(_ bench: Bench, _ path: String, pasidCount: Int) throws {
    self.bench = bench
    self.path = path
    device = VFIODescriptor(bench: bench, descriptor: try bench.open(path))
    context = try bench.context()
    deviceID = try device.bind(context)
    pasidWidth = try context.hardwareInfo(deviceID).answer.outMaxPASIDLog2
    guard pasidWidth >= 2, pasidCount + 1 < 1 << Int(pasidWidth) else {
      throw EngineFailure.lacks("\(pasidCount) PASIDs, its width is \(pasidWidth) bits")
    }
    pasids = (1..<UInt32(pasidCount)).map { $0 } + [(1 << UInt32(pasidWidth)) - 1]
    sample = Self.sample(of: pasids)
    absent = UInt32(pasidCount)
    plain = try EngineSpace("no PASID", in: context, for: deviceID)
    spare = try EngineSpace("spare", in: context, for: deviceID)
    try device.attach(plain.table)
    for pasid in pasids {
      let space = try EngineSpace("PASID \(pasid)", in: context, for: deviceID)
      try device.attach(space.table, pasid: pasid)
      spaces[pasid] = space
    }
    engine = try Engine(device)
    try configure()
  }

  /// Resets the engine and gives it one queue of each kind.
  func configure() throws {
    let size = engine.storage / 4
    try engine.configure([
      QueueConfiguration(requests: .plain, size: size),
      QueueConfiguration(requests: .pasid(pasids[0]), size: size),
      QueueConfiguration(requests: .descriptors, size: size, mayBlock: engine.mayBlock),
    ])
  }

  /// Gives the dedicated queue another PASID.
  func dedicate(to pasid: UInt32) throws {
    let queue = QueueConfiguration(requests: .pasid(pasid), size: engine.storage / 4)
    try engine.reconfigure(Queue.dedicated, queue)
  }

  /// Attaches a PASID, or moves it if it is attached.
  func attach(_ pasid: UInt32, to space: EngineSpace) throws(LinuxErrno) {
    try device.attach(space.table, pasid: pasid)
    retire(pasid)
    spaces[pasid] = space
  }

  /// Detaches a PASID.
  func detach(_ pasid: UInt32) throws {
    try device.detach(pasid: pasid)
    retire(pasid)
  }

  private func retire(_ pasid: UInt32) {
    guard let space = spaces.removeValue(forKey: pasid) else { return }
    retired.append(space)
  }

  private static func sample(of pasids: [UInt32]) -> [UInt32] {
    let most = 32
    guard pasids.count > most else { return pasids }
    let last = pasids.count - 1
    return (0..<most).map { pasids[$0 * last / (most - 1)] }
  }

  /// The spaces that a request of one may go to by mistake: all that steps look at, the neighbours
  /// among the others, and the one itself.
  private func watched(with used: EngineSpace?) -> [EngineSpace] {
    var watched = [plain, spare] + retired.suffix(8) + sample.compactMap { spaces[$0] }
    if let used, !watched.contains(where: { $0.table == used.table }) {
      let index = pasids.firstIndex { spaces[$0]?.table == used.table } ?? 0
      let near = pasids[max(0, index - 1)..<min(pasids.count, index + 2)]
      watched = [plain, spare] + near.compactMap { spaces[$0] }
    }
    if let used, !watched.contains(where: { $0.table == used.table }) { watched.append(used) }
    return watched
  }

  /// Lets the engine copy, and waits for what comes of it.
  ///
  /// The completion record is looked for in a space, or not at all.
  func copy(
    _ queue: Int, pasid: UInt32 = 0, in space: EngineSpace?,
    from source: UInt64 = EngineSpace.source, to destination: UInt64 = EngineSpace.destination,
    byteCount: Int = EngineSpace.pieceSize, vector: UInt16? = nil, blocks: Bool = false
  ) throws -> Outcome {
    round += 1
    for space in watched(with: space) { try space.prepare(round: round) }
    let descriptor = WorkDescriptor(
      operation: .move, pasid: pasid, record: EngineSpace.record, source: source,
      destination: destination, byteCount: UInt32(byteCount), vector: vector, blocks: blocks)
    try engine.submit(descriptor, to: queue)
    return blocks ? .silence : try outcome(in: space)
  }

  /// Waits for what comes of a copy.
  func outcome(in space: EngineSpace?) throws -> Outcome {
    var found: Outcome?
    _ = try EnginePatience.until {
      for _ in 0..<20 {
        guard let record = try space?.record(), record.status != 0 else { continue }
        found = .record(record)
        return true
      }
      let error = try engine.takeSoftwareError()
      if error.isValid { found = .error(error) }
      return found != nil
    }
    return found ?? .silence
  }

  // MARK: Expectations

  /// Expects a copy to end well, and to have moved the bytes of one space and of no other.
  func expectCopy(
    _ queue: Int, pasid: UInt32 = 0, in space: EngineSpace, vector: UInt16? = nil
  ) throws {
    try expectSuccess(try copy(queue, pasid: pasid, in: space, vector: vector), in: space)
  }

  /// Expects that the last copy ended well, and moved the bytes of one space and of no other.
  func expectSuccess(_ outcome: Outcome, in space: EngineSpace) throws {
    if case .record(let record) = outcome, record.isSuccess {
    } else {
      bench.differ("\(space.name): expected success, got \(outcome)")
    }
    bench.holds(try space.copied() == space.text(round), "\(space.name): the bytes are not there")
    try expectUntouched(but: space)
  }

  /// Expects a copy to stop where nothing is mapped, and says how far it came.
  func expectFault(
    _ pasid: UInt32, from source: UInt64 = EngineSpace.source,
    to destination: UInt64 = EngineSpace.destination, at address: UInt64, isWrite: Bool,
    after count: Int
  ) throws {
    guard let space = spaces[pasid] else { return }
    let outcome = try copy(
      Queue.shared, pasid: pasid, in: space, from: source, to: destination)
    guard case .record(let record) = outcome, let fault = record.fault else {
      bench.differ("\(space.name): expected a fault at \(hex(address)), got \(outcome)")
      return
    }
    bench.equal(hex(fault.address & ~0xFFF), hex(address), "\(space.name): the fault's page")
    bench.equal(fault.isWrite, isWrite, "\(space.name): whether the fault is a write's")
    bench.equal(Int(record.bytesCompleted), count, "\(space.name): bytes completed")
    let offset = Int(source & 0xFFFF)
    let expected = space.text(round).dropFirst(offset).prefix(count)
    bench.holds(try space.copied() == Array(expected), "\(space.name): not what was completed")
    try expectUntouched(but: space)
  }

  /// Expects that requests, with a PASID or without, reach nothing: no record can be written, and
  /// the device says why.
  func expectNothing(_ queue: Int, pasid: UInt32?, _ what: String) throws {
    let outcome = try copy(queue, pasid: pasid ?? 0, in: nil)
    if case .error(let error) = outcome {
      bench.equal(error.pasid, pasid ?? 0, "\(what): the PASID that the device names")
      bench.equal(Int(error.queue), queue, "\(what): the queue that the device names")
    } else {
      bench.differ("\(what): expected the device to tell an error, got \(outcome)")
    }
    try expectUntouched(but: nil)
  }

  private func expectUntouched(but used: EngineSpace?) throws {
    for space in watched(with: used) where space.table != used?.table {
      let written = try space.copied().count
      bench.equal(written, 0, "bytes written to the memory of \(space.name)")
      bench.equal(try space.record().status, 0, "status written to the memory of \(space.name)")
    }
  }
}
