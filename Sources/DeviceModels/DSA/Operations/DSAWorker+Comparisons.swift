import Hardware

/// Operations that compare bytes.
extension DSAWorker {
  mutating func compare(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    let count: Int
    switch readBoth(job, pieceCount(job), port) {
    case .failure(let stop): return .stopped(stop.answer)
    case .success(let some): count = some
    }
    let first = buffer.span.extracting(0..<count)
    let second = buffer.span.extracting(Self.pieceSize..<Self.pieceSize + count)
    if first.hasSameBytes(as: second) { return compared(&job, count, differs: false) }
    var same = 0
    while same < count, first[same] == second[same] { same += 1 }
    return compared(&job, same, differs: true)
  }

  mutating func comparePattern(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    let source = IOVA(job.current.source.rawValue &+ job.done)
    let count: Int
    switch readSome(source, pieceCount(job), at: 0, job, port) {
    case .failure(let stop): return .stopped(stop.answer)
    case .success(let some): count = some
    }
    let pattern = job.current.comparePattern
    let span = buffer.span
    for index in 0..<count {
      let shift = (job.done &+ UInt64(index)) & 7
      guard span[index] == UInt8(truncatingIfNeeded: pattern >> (8 * shift)) else {
        return compared(&job, index, differs: true)
      }
    }
    return compared(&job, count, differs: false)
  }

  /// Reads as much of both sources as there is.
  mutating func readBoth(
    _ job: DSAJob, _ most: Int, _ port: any DevicePort
  ) -> Result<Int, DSAStop> {
    let source = IOVA(job.current.source.rawValue &+ job.done)
    let target = IOVA(job.current.target.rawValue &+ job.done)
    return readSome(source, most, at: 0, job, port).flatMap { count in
      readSome(target, count, at: Self.pieceSize, job, port)
    }
  }

  private func compared(
    _ job: inout DSAJob, _ count: Int, differs: Bool
  ) -> DSAProgress {
    job.done += UInt64(count)
    guard differs || job.done >= UInt64(job.current.count) else { return .more }
    job.record.result = differs ? 1 : 0
    return judged(job, isExpected: job.current.expectedResult & 1 == job.record.result)
  }

  /// Success, unless the result was to be checked and is another one.
  private func judged(_ job: DSAJob, isExpected: Bool) -> DSAProgress {
    .done(
      job.current.flags.contains(.checkResult) && !isExpected ? .unexpectedResult : .success)
  }

  // MARK: Delta records

  /// Writes down where two buffers differ: ten bytes for each eight that do, a place in units of
  /// eight bytes and what stands there in the second.
  mutating func createDelta(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    // Eight bytes become ten at most, which have to fit into what is left of the buffer.
    let most = 1 << 15
    let count: Int
    switch readBoth(job, pieceCount(job, most), port) {
    case .failure(let stop): return .stopped(stop.answer)
    case .success(let some): count = some & ~7
    }
    // Addresses and sizes are multiples of eight, and pages too.
    guard count > 0 else { return .done(.translationFailed) }
    let room = Int(job.current.maxDeltaSize - job.delta)
    var (made, compared) = (0, 0)
    var isFull = false
    let output = Self.pieceSize + most
    while compared < count {
      let old: UInt64 = buffer.span.little(at: compared) ?? 0
      let new: UInt64 = buffer.span.little(at: Self.pieceSize + compared) ?? 0
      if old != new {
        guard made + 10 <= room, output + made + 10 <= buffer.count else {
          isFull = made + 10 > room
          break
        }
        var span = buffer.mutableSpan
        span.storeLittle(
          UInt16(truncatingIfNeeded: (job.done &+ UInt64(compared)) / 8), at: output + made)
        span.storeLittle(new, at: output + made + 2)
        made += 10
      }
      compared += 8
    }
    if made > 0 {
      let target = IOVA(job.current.secondTarget.rawValue &+ UInt64(job.delta))
      let answer = write(target, made, from: output, job, port)
      guard answer == .done else { return .stopped(answer) }
      job.delta += UInt32(made)
    }
    job.done += UInt64(compared)
    guard isFull || job.done >= UInt64(job.current.count) else { return .more }
    job.record.result = isFull ? 2 : job.delta > 0 ? 1 : 0
    job.record.low = UInt64(job.delta)
    return judged(
      job, isExpected: job.current.expectedResultMask >> job.record.result & 1 == 1)
  }

  /// Puts the entries of a delta record in place.
  mutating func applyDelta(_ job: inout DSAJob, _ port: any DevicePort) -> DSAProgress {
    let left = UInt64(job.current.deltaSize) - job.done
    let most = Int(min(left, 640))
    let source = IOVA(job.current.source.rawValue &+ job.done)
    let count: Int
    switch readSome(source, most, at: 0, job, port) {
    case .failure(let stop): return .stopped(stop.answer)
    case .success(let some): count = some
    }
    // An entry that crosses into a page that is not there is read again for its fault.
    guard count >= 10 else { return .stopped(read(source, 10, at: 0, job, port)) }
    var at = 0
    while at + 10 <= count {
      let place: UInt16 = buffer.span.little(at: at) ?? 0
      guard UInt32(place) >= job.delta else { return .done(.deltaOrder) }
      guard UInt64(place) * 8 < UInt64(job.current.count) else { return .done(.deltaRange) }
      let target = IOVA(job.current.target.rawValue &+ UInt64(place) * 8)
      let answer = write(target, 8, from: at + 2, job, port)
      guard answer == .done else { return .stopped(answer) }
      job.delta = UInt32(place) + 1
      job.done += 10
      at += 10
    }
    return job.done >= UInt64(job.current.deltaSize) ? .done(.success) : .more
  }
}
