import Hardware

/// What a program hears of a descriptor that is over.
extension DSAWorker {
  /// Writes the completion record, or reports what it cannot tell, and asks for the interrupt.
  ///
  /// - Returns: The page of the record, if it is waited for.
  mutating func complete(_ job: inout DSAJob, _ port: any DevicePort) -> DSAStep? {
    let flags = job.current.flags
    let isError = job.record.status != .success
    if flags.contains(.recordAddressValid), isError || flags.contains(.requestRecord) {
      let address = job.current.completionAddress
      guard address.rawValue & 31 == 0 else {
        report(.recordMisaligned, address, &job)
        return nil
      }
      let refused = job.answer.map { $0 != .success } ?? false
      job.answer = nil
      if !refused {
        let answer = writeRecord(job, port)
        if answer == .done { return interrupt(job) }
        // Records wait for their page whatever the descriptor's own flag says.
        if case .fault(let page, _, _) = answer, job.canRequestPages { return .page(page, .write) }
      }
      report(.recordUntranslated, address, &job)
      return nil
    }
    if isError, !flags.contains(.recordAddressValid) {
      report(job.record.status, IOVA(job.record.faultAddress), &job)
    }
    return interrupt(job)
  }

  private mutating func interrupt(_ job: DSAJob) -> DSAStep? {
    let handle = job.current.interruptHandle
    if job.current.flags.contains(.requestInterrupt), job.allows(handle), handle < 64 {
      effects.vectors |= 1 << UInt64(handle)
    }
    return nil
  }

  /// The word with the status goes last, so that whoever sees it sees all of the record.
  private mutating func writeRecord(_ job: DSAJob, _ port: any DevicePort) -> DMAAnswer {
    let place = Self.smallPlace
    let record = job.record
    var span = buffer.mutableSpan
    span.storeLittle(record.firstWord, at: place)
    span.storeLittle(record.faultAddress, at: place + 8)
    span.storeLittle(record.low, at: place + 16)
    span.storeLittle(record.high, at: place + 24)
    let address = job.current.completionAddress
    let answer = write(IOVA(address.rawValue &+ 8), 24, from: place + 8, job, port)
    guard answer == .done else { return answer }
    return write(address, 8, from: place, job, port)
  }

  private mutating func report(_ status: DSAStatus, _ address: IOVA, _ job: inout DSAJob) {
    var error = DSASoftwareError(status: status)
    error.queue = job.queue
    error.opcode = job.current.opcode
    error.identity = job.identity
    error.batchIndex = job.batch?.index
    error.isWrite =
      job.record.isWriteFault || status == .recordUntranslated || status == .recordMisaligned
    if status == .invalidFlags { error.invalidFlags = UInt32(truncatingIfNeeded: job.record.low) }
    error.address = address.rawValue
    // A step may end several descriptors; the register keeps the first error anyway.
    if effects.error == nil { effects.error = error }
    if job.record.status == .success { job.record.status = status }
  }
}
