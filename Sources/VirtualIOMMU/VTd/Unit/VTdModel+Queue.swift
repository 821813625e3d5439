import Hardware

/// The invalidation queue (VT-d §6.5.2).
extension VTdModel {
  private var faultStatus: VTdFaultStatus {
    VTdFaultStatus(rawValue: registers[VTdRegister.faultStatus])
  }

  /// Switches the queue on or off, which puts its head to zero.
  mutating func switchQueue(on isOn: Bool) {
    var status = VTdGlobalCommand(rawValue: registers[VTdRegister.status])
    status.queuedInvalidation = isOn
    registers[VTdRegister.status] = status.rawValue
    registers[wide: VTdRegister.queueHead] = 0
    silentSource = nil
    guard isOn else {
      queue = nil
      return
    }
    queue = VTdQueueAddress(rawValue: registers[wide: VTdRegister.queueAddress])
    driveQueue()
  }

  /// Does everything between head and tail, at most one lap.
  mutating func driveQueue() {
    guard let queue, !faultStatus.queueError, !faultStatus.timeout else { return }
    let tail = registers[wide: VTdRegister.queueTail]
    func refuse(_ problem: VTdQueueProblem) {
      log.append(
        .queueUnusable(base: queue.base.rawValue, tail: tail, problem.rawValue))
      stop(problem)
    }
    guard tail < queue.byteCount else { return refuse(.tail) }
    guard !queue.isWide || tail & 0x10 == 0 else { return refuse(.alignment) }
    var head = registers[wide: VTdRegister.queueHead]
    // What was restored is as little to be trusted as what a guest writes.
    guard head < queue.byteCount, (head | tail) & (queue.isWide ? 0x1F : 0xF) == 0 else {
      return refuse(.tail)
    }
    shadow.beginStretch()
    // The model's own buffer, taken out so that both can change.
    var bytes: [UInt8] = []
    swap(&bytes, &queueBuffer)
    let problem = run(queue, &head, to: tail, &bytes)
    swap(&bytes, &queueBuffer)
    finishInvalidations()
    registers[wide: VTdRegister.queueHead] = head
    if let problem { stop(problem) }
    // A device that kept silent without a wait behind it.
    reportSilence()
  }

  /// Runs descriptors; stops at a wrong one, with the head at it, or behind a wait that cannot end.
  private mutating func run(
    _ queue: VTdQueueAddress, _ head: inout UInt64, to tail: UInt64, _ bytes: inout [UInt8]
  ) -> VTdQueueProblem? {
    let size: UInt64 = queue.isWide ? 32 : 16
    while head != tail {
      let end = tail > head ? tail : queue.byteCount
      let count = Int(min(end - head, 4096 - head & 0xFFF))
      let place = GuestPhysicalAddress(queue.base.rawValue &+ head)
      var target = bytes.mutableSpan
      var part = target._mutatingExtracting(0..<count)
      guard memory.read(from: place, into: &part) else {
        log.append(
          .queueUnusable(
            base: queue.base.rawValue, tail: tail, VTdQueueProblem.fetch.rawValue))
        return .fetch
      }
      var at = 0
      while at < count {
        let descriptor = Self.descriptor(in: bytes.span, at: at, isWide: queue.isWide)
        let next = head + size == queue.byteCount ? 0 : head + size
        do {
          let command = try descriptor.command(
            kinds, maximumMask: VTdConfiguration.maximumAddressMask)
          if keepsInvalidations { keep(command) }
          guard try execute(command) else {
            head = next
            reportSilence()
            return nil
          }
        } catch {
          log.append(.queueStopped(at: head, error.rawValue, descriptor.word0, descriptor.word1))
          return error
        }
        head = next
        at += Int(size)
      }
    }
    return nil
  }

  @inline(__always)
  private static func descriptor(
    in bytes: Span<UInt8>, at offset: Int, isWide: Bool
  ) -> VTdDescriptor {
    // The caller's loop keeps within the bytes read; nothing else could be missing.
    func word(_ index: Int) -> UInt64 { bytes.little(at: offset + 8 * index) ?? 0 }
    guard isWide else { return VTdDescriptor(word0: word(0), word1: word(1)) }
    return VTdDescriptor(word0: word(0), word1: word(1), word2: word(2), word3: word(3))
  }

  /// - Returns: `false` when a wait ends nothing, because a device before it keeps silent.
  @inline(__always)
  private mutating func execute(_ command: VTdCommand) throws(VTdQueueProblem) -> Bool {
    switch command {
    case .forget(let what): forget(what)
    case .deviceTLB(let range, let pasid, let isGlobal, let source):
      invalidateDevice(range, pasid, isGlobal: isGlobal, source)
    case .wait(let wait):
      guard silentSource == nil else { return false }
      finishInvalidations()
      try complete(wait)
    case .respond(let source, let pasid, let group, let code):
      shadow.respond(
        PageGroupResponse(pasid: pasid, group: group, code: .init(rawValue: code) ?? .failure),
        to: source)
    }
    return true
  }

  private mutating func complete(_ wait: VTdWait) throws(VTdQueueProblem) {
    if wait.writesStatus {
      guard memory.store(wait.status, at: wait.address) else { throw .fetch }
    }
    // One that was not seen to yet has had its interrupt.
    guard wait.interrupts, registers[VTdRegister.completionStatus] & 1 == 0 else { return }
    registers[VTdRegister.completionStatus] |= 1
    raise(VTdRegister.completionEvent)
  }

  private mutating func invalidateDevice(
    _ range: FirstStageInvalidation, _ pasid: PASID?, isGlobal: Bool, _ source: UInt16
  ) {
    // Before the device may ask again, the unit's own caches must have forgotten.
    if needsDrain { finishInvalidations() }
    // A host's device is told by its host, as part of the invalidation there.
    switch shadow.deviceTLB(at: source)?.invalidate(range, of: pasid, isGlobal: isGlobal) {
    case nil, .done: break
    case .silence: silentSource = source
    case .invalid:
      var record = registers[wide: VTdRegister.queueError]
      record = record & 0x0000_FFFF_FFFF_FFFF | UInt64(source) << 48
      registers[wide: VTdRegister.queueError] = record
      setFaultStatus { $0.completionError = true }
    }
  }

  /// Stops the queue until the guest clears IQE.
  private mutating func stop(_ problem: VTdQueueProblem) {
    let record = registers[wide: VTdRegister.queueError]
    registers[wide: VTdRegister.queueError] = record & ~0xF | UInt64(problem.rawValue)
    setFaultStatus { $0.queueError = true }
  }

  /// Stops the queue until the guest clears ITE; waits up to here will never complete.
  private mutating func reportSilence() {
    guard let source = silentSource else { return }
    silentSource = nil
    log.append(.deviceSilent(source: source))
    let record = registers[wide: VTdRegister.queueError]
    registers[wide: VTdRegister.queueError] =
      record & 0xFFFF_0000_FFFF_FFFF | UInt64(source) << 32
    setFaultStatus { $0.timeout = true }
  }
}
