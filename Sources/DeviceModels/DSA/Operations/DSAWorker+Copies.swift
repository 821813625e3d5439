import Hardware

/// Operations that move bytes.
extension DSAWorker {
  mutating func move(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    let size = UInt64(job.current.count)
    let (source, target) = (job.current.source.rawValue, job.current.target.rawValue)
    // Where the target begins within the source, the end has to go first.
    if source != target, target &- source < size { return moveDown(&job, port) }
    let count = pieceCount(job, Self.stepSize)
    let answer = port.copy(
      count, from: IOVA(source &+ job.done), to: IOVA(target &+ job.done), as: job.requester)
    return advance(&job, answer, count)
  }

  /// Counts what a request moved.
  mutating func advance(_ job: inout DSAJob, _ answer: DMAAnswer, _ count: Int) -> DSAProgress {
    let moved = answer.moved(of: count)
    budget -= moved
    job.done += UInt64(moved)
    guard answer == .done else { return .stopped(answer) }
    return job.done >= UInt64(job.current.count) ? .done(.success) : .more
  }

  /// A copy from the end to the start, in pieces that lie in one page on each side.
  private mutating func moveDown(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    job.record.result = 1
    let left = UInt64(job.current.count) - job.done
    let sourceEnd = job.current.source.rawValue &+ left
    let targetEnd = job.current.target.rawValue &+ left
    let inPage = min((sourceEnd &- 1) & 0xFFF, (targetEnd &- 1) & 0xFFF) + 1
    let count = Int(min(left, inPage))
    let input = read(IOVA(sourceEnd &- UInt64(count)), count, at: 0, job, port)
    guard input == .done else { return .stopped(input) }
    let output = write(IOVA(targetEnd &- UInt64(count)), count, from: 0, job, port)
    guard output == .done else { return .stopped(output) }
    job.done += UInt64(count)
    return job.done >= UInt64(job.current.count) ? .done(.success) : .more
  }

  mutating func fill(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    let count = pieceCount(job)
    // The pattern goes on where the last piece ended.
    let shift = 8 * (job.done & 7)
    let pattern = job.current.fillPattern
    let turned = shift == 0 ? pattern : pattern >> shift | pattern << (64 - shift)
    var span = buffer.mutableSpan
    var at = 0
    while at < count {
      span.storeLittle(turned, at: at)
      at += 8
    }
    let answer = write(
      IOVA(job.current.target.rawValue &+ job.done), count, from: 0, job, port)
    return advance(&job, answer, count)
  }

  mutating func dualcast(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    let source = IOVA(job.current.source.rawValue &+ job.done)
    var count: Int
    switch readSome(source, pieceCount(job), at: 0, job, port) {
    case .failure(let stop): return .stopped(stop.answer)
    case .success(let some): count = some
    }
    let first = write(
      IOVA(job.current.target.rawValue &+ job.done), count, from: 0, job, port)
    if first != .done {
      count = first.moved(of: count)
      guard count > 0 else { return .stopped(first) }
    }
    let second = write(
      IOVA(job.current.secondTarget.rawValue &+ job.done), count, from: 0, job, port)
    return advance(&job, second, count)
  }

  /// CRC Generate, and Copy with CRC.
  mutating func checksum(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    if job.checksum == nil {
      var seed = job.current.checksumSeed
      if job.current.flags.contains(.readsFirst) {
        let answer = read(job.current.checksumSeedAddress, 4, at: Self.smallPlace, job, port)
        guard answer == .done else { return .stopped(answer) }
        seed = buffer.span.little(at: Self.smallPlace) ?? 0
      }
      job.checksum = seed
    }
    let source = IOVA(job.current.source.rawValue &+ job.done)
    var count: Int
    switch readSome(source, pieceCount(job), at: 0, job, port) {
    case .failure(let stop): return .stopped(stop.answer)
    case .success(let some): count = some
    }
    var answer = DMAAnswer.done
    if job.current.opcode == DSAOperation.copyWithChecksum.rawValue {
      answer = write(
        IOVA(job.current.target.rawValue &+ job.done), count, from: 0, job, port)
      count = answer.moved(of: count)
    }
    let sum = Checksum32C.update(job.checksum ?? 0, buffer.span.extracting(0..<count))
    job.checksum = sum
    job.record.low = UInt64(sum)
    job.done += UInt64(count)
    guard answer == .done else { return .stopped(answer) }
    return job.done >= UInt64(job.current.count) ? .done(.success) : .more
  }

  // MARK: Reading for its own sake

  /// Drain: whatever came before is over by now; its addresses are read as asked for.
  mutating func drain(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    let flags = job.current.flags
    let wanted = [
      flags.contains(.readsFirst) ? job.current.source : nil,
      flags.contains(.readsSecond) ? job.current.target : nil,
    ]
    for case let address? in wanted {
      let answer = read(address, 1, at: Self.smallPlace, job, port)
      guard answer == .done else {
        noteFault(answer, &job.record)
        return .done(.readbackFault)
      }
    }
    return .done(.success)
  }

  /// Reads the last byte that was written.
  mutating func readBack(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    let last = job.current.target.rawValue &+ UInt64(job.current.count) &- 1
    let answer = read(IOVA(last), 1, at: Self.smallPlace, job, port)
    guard answer != .done else { return .done(.success) }
    noteFault(answer, &job.record)
    return .done(.readbackFault)
  }

  /// Cache Flush: memory here has no caches to flush, but its pages must be there.
  mutating func flush(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    let at = job.current.target.rawValue &+ job.done
    let count = pieceCount(job, Int(0x1000 - at & 0xFFF))
    let answer = read(IOVA(at), 1, at: Self.smallPlace, job, port)
    guard answer == .done else { return .stopped(answer) }
    budget -= 256
    job.done += UInt64(count)
    return job.done >= UInt64(job.current.count) ? .done(.success) : .more
  }
}
