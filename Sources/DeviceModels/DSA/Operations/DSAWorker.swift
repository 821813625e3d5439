import Hardware

/// What does the work: a buffer, and the way to memory.
///
/// Only the thread that serves at the moment has it.
struct DSAWorker: Sendable {
  /// The bytes of one piece that go through the buffer.
  static let pieceSize = 1 << 16
  /// The bytes that one step moves, about.
  static let stepSize = 1 << 20
  /// Where a completion record or descriptor is put together, behind two pieces.
  static let smallPlace = 2 * pieceSize

  let options: DSAOptions
  var buffer: [UInt8]
  var effects = DSAEffects()
  /// What is left of this step, in bytes.
  var budget = 0

  init(_ options: DSAOptions) {
    self.options = options
    buffer = Array(repeating: 0, count: 2 * Self.pieceSize + 64)
  }

  /// Goes on with a job until it ends, waits, or a step's worth of work is done.
  mutating func step(_ job: inout DSAJob, _ port: any DevicePort) -> DSAStep {
    effects = DSAEffects()
    budget = Self.stepSize
    while budget > 0 {
      // Whatever a descriptor is about, it costs some time.
      budget -= 1 << 12
      switch job.phase {
      case .start: start(&job)
      case .fetch: fetch(&job, port)
      case .execute:
        if let page = execute(&job, port) { return page }
      case .complete:
        if let page = complete(&job, port) { return page }
        if endsDescriptor(&job) { return .finished }
      }
    }
    return .again
  }

  private func start(_ job: inout DSAJob) {
    job.done = 0
    job.hasAsked = false
    job.checksum = nil
    job.delta = 0
    job.record = DSACompletion()
    var invalid: UInt32 = 0
    if let status = job.refusal(options, invalid: &invalid) {
      job.record.status = status
      if status == .invalidFlags { job.record.low = UInt64(invalid) }
      job.phase = .complete
    } else if job.current.opcode == DSAOperation.batch.rawValue {
      job.batch = DSAJob.Batch(count: job.current.count)
      job.phase = .fetch
    } else {
      job.phase = .execute
    }
  }

  // MARK: Batches

  /// Reads the next descriptor of the batch, or ends it.
  private mutating func fetch(_ job: inout DSAJob, _ port: any DevicePort) {
    guard let batch = job.batch else { return job.phase = .complete }
    guard batch.index < batch.count else {
      return endBatch(&job, batch, batch.hasFailed ? .batchFailed : .success)
    }
    let address = IOVA(job.submitted.source.rawValue &+ 64 &* UInt64(batch.index))
    let answer = read(address, 64, at: Self.smallPlace, job, port)
    guard answer == .done else {
      endBatch(&job, batch, .batchListFault)
      noteFault(answer, &job.record)
      return
    }
    var words = SIMD8<UInt64>.zero
    for index in 0..<8 {
      words[index] = buffer.span.little(at: Self.smallPlace + 8 * index) ?? 0
    }
    job.current = DSADescriptor(WideBlock(words))
    // The batch's identity is that of all its descriptors.
    job.current.setIdentity(job.submitted.identity)
    if job.current.flags.contains(.fence), batch.hasFailed {
      return endBatch(&job, batch, .batchFailed)
    }
    job.phase = .start
  }

  private func endBatch(_ job: inout DSAJob, _ batch: DSAJob.Batch, _ status: DSAStatus) {
    job.current = job.submitted
    job.batch = nil
    job.record = DSACompletion()
    job.record.status = status
    job.record.completed = batch.index
    job.phase = .complete
  }

  /// Goes on behind a descriptor that is complete.
  ///
  /// - Returns: Whether it was the last.
  private func endsDescriptor(_ job: inout DSAJob) -> Bool {
    guard job.batch != nil else { return true }
    job.batch?.index += 1
    if job.record.status != .success { job.batch?.hasFailed = true }
    job.phase = .fetch
    return false
  }

  // MARK: Operations

  /// Does a piece of the operation.
  ///
  /// - Returns: The page that is needed first, if the descriptor waits for it.
  private mutating func execute(_ job: inout DSAJob, _ port: any DevicePort) -> DSAStep? {
    if let answer = job.answer.take(), answer != .success {
      job.record.status = answer == .invalid ? .pageRefused : .translationFailed
      return end(&job)
    }
    if asksFirst(job) {
      job.hasAsked = true
      let access: DMAAccess = job.current.opcode == DSAOperation.fill.rawValue ? .write : .read
      let page = access == .write ? job.current.target : job.current.source
      job.record.isWriteFault = access == .write
      job.record.faultAddress = page.rawValue & ~0xFFF
      return .page(page, access)
    }
    switch perform(&job, port) {
    case .more: return nil
    case .done(let status):
      job.record.status = status
      return end(&job)
    // What was missing came just now.
    case .stopped(.done): return nil
    case .stopped(let answer):
      if case .fault(let address, let isWrite, _) = answer, job.canRequestPages,
        job.current.flags.contains(.blockOnFault)
      {
        noteFault(answer, &job.record)
        return .page(address, isWrite ? .write : .read)
      }
      job.record.status = .pageFault
      if case .refused = answer, job.requester.usesATS { job.record.status = .translationFailed }
      noteFault(answer, &job.record)
      return end(&job)
    }
  }

  /// Whether the descriptor is one that asks for a page for the sake of asking.
  private func asksFirst(_ job: DSAJob) -> Bool {
    options.pageRequestInterval > 0 && !job.hasAsked && job.canRequestPages
      && job.current.flags.contains(.blockOnFault)
      && job.current.opcode != DSAOperation.cacheFlush.rawValue
      && job.sequence % UInt64(options.pageRequestInterval) == 0
  }

  private func end(_ job: inout DSAJob) -> DSAStep? {
    job.record.completed = UInt32(truncatingIfNeeded: job.done)
    switch job.record.status {
    case .pageFault, .pageRefused, .translationFailed, .readbackFault: break
    default:
      // What was noted while it waited is no part of how it ended.
      job.record.isWriteFault = false
      job.record.faultAddress = 0
    }
    job.phase = .complete
    return nil
  }

  func noteFault(_ answer: DMAAnswer, _ record: inout DSACompletion) {
    switch answer {
    case .done: return
    case .fault(let address, let isWrite, _), .refused(let address, let isWrite, _):
      record.isWriteFault = isWrite
      record.faultAddress = address.rawValue & ~0xFFF
    }
  }

  private mutating func perform(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    let progress: DSAProgress =
      switch DSAOperation(rawValue: job.current.opcode) {
      case .noOperation, .batch, nil: .done(.success)
      case .drain: drain(&job, port)
      case .memoryMove: move(&job, port)
      case .fill: fill(&job, port)
      case .compare: compare(&job, port)
      case .comparePattern: comparePattern(&job, port)
      case .createDelta: createDelta(&job, port)
      case .applyDelta: applyDelta(&job, port)
      case .dualcast: dualcast(&job, port)
      case .checksum, .copyWithChecksum: checksum(&job, port)
      case .cacheFlush: flush(&job, port)
      }
    guard case .done(.success) = progress, job.current.flags.contains(.destinationReadback) else {
      return progress
    }
    return readBack(&job, port)
  }

  // MARK: Memory

  /// Reads into the buffer.
  mutating func read(
    _ address: IOVA, _ count: Int, at place: Int, _ job: DSAJob, _ port: any DevicePort
  ) -> DMAAnswer {
    budget -= count
    var span = buffer.mutableSpan
    var part = span._mutatingExtracting(place..<place + count)
    return port.read(address, into: &part, as: job.requester)
  }

  /// Reads into the buffer as much as there is; at least a byte.
  ///
  /// - Returns: How many bytes came, or what kept all from coming.
  mutating func readSome(
    _ address: IOVA, _ count: Int, at place: Int, _ job: DSAJob, _ port: any DevicePort
  ) -> Result<Int, DSAStop> {
    let answer = read(address, count, at: place, job, port)
    switch answer {
    case .done: return .success(count)
    case .fault(_, _, let some), .refused(_, _, let some):
      return some > 0 ? .success(some) : .failure(DSAStop(answer: answer))
    }
  }

  /// Writes from the buffer.
  mutating func write(
    _ address: IOVA, _ count: Int, from place: Int, _ job: DSAJob, _ port: any DevicePort
  ) -> DMAAnswer {
    budget -= count
    return port.write(
      address, buffer.span.extracting(place..<place + count), as: job.requester)
  }

  /// How much of an operation the next piece does, through the buffer.
  func pieceCount(_ job: DSAJob, _ most: Int = pieceSize) -> Int {
    Int(min(UInt64(most), UInt64(job.current.count) - job.done))
  }
}

/// Why a read gave nothing.
struct DSAStop: Error {
  let answer: DMAAnswer
}

extension DMAAnswer {
  /// How many bytes were moved of a request for `count`.
  func moved(of count: Int) -> Int {
    switch self {
    case .done: count
    case .fault(_, _, let some), .refused(_, _, let some): min(max(some, 0), count)
    }
  }
}
