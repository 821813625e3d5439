import Hardware

/// Commands: each is at work until nothing of what it stops is left with an engine.
extension DSAState {
  /// A command was written.
  mutating func begin(_ new: DSACommand) {
    guard command == nil else {
      return report(DSASoftwareError(status: .commandActive))
    }
    command = new
    commandError = .none
    if let error = refusal(of: new) { return end(error) }
    prepare(new)
    finishCommand()
  }

  /// Why a command cannot be, as far as that shows at once.
  private func refusal(of new: DSACommand) -> DSACommandError? {
    guard let code = new.code else { return .invalidCommand }
    if status == .halted, code != .resetDevice { return .hardware }
    switch code {
    case .enableDevice: return enablingDeviceFails()
    case .disableDevice: return status == .enabled ? nil : .cannotDisable
    case .drainAll, .abortAll, .drainPASID, .abortPASID:
      return status == .enabled ? nil : .deviceNotEnabled
    case .resetDevice: return nil
    case .enableQueue:
      guard new.operand < UInt32(queues.count) else { return .invalidQueue }
      return enablingFails(Int(new.operand))
    case .disableQueues, .drainQueues, .abortQueues, .resetQueues:
      let mask = new.queueMask
      guard mask != 0, mask >> UInt64(queues.count) == 0 else { return .invalidQueue }
      for index in queues.indices where mask >> UInt64(index) & 1 == 1 {
        guard queues[index].isEnabled else { return .queueNotEnabled }
      }
      return nil
    }
  }

  /// Does what a command does before it waits: it closes queues, and drops what is aborted.
  private mutating func prepare(_ new: DSACommand) {
    switch new.code {
    case .enableDevice: status = .enabled
    case .enableQueue: queues[Int(new.operand)].open()
    case .disableDevice: closeQueues(.max)
    case .disableQueues: closeQueues(new.queueMask)
    case .resetQueues:
      closeQueues(new.queueMask)
      abort { _, queue in new.queueMask >> UInt64(queue) & 1 == 1 }
    case .resetDevice:
      closeQueues(.max)
      abort { _, _ in true }
    case .abortAll: abort { _, _ in true }
    case .abortQueues: abort { _, queue in new.queueMask >> UInt64(queue) & 1 == 1 }
    case .abortPASID: abort(pasid: new.operand)
    case .drainAll, .drainQueues, .drainPASID, nil: break
    }
  }

  private mutating func closeQueues(_ mask: UInt64) {
    for index in queues.indices where mask >> UInt64(index) & 1 == 1 && queues[index].isEnabled {
      queues[index].isClosed = true
    }
  }

  /// Drops what waits and what is at work; `isMeant` is asked for each.
  private mutating func abort(where isMeant: (DSADescriptor, _ queue: Int) -> Bool) {
    for index in queues.indices { queues[index].removeAll { isMeant($0, index) } }
    for index in engines.indices {
      guard let job = engines[index].job, isMeant(job.submitted, job.queue) else { continue }
      if case .running = engines[index].activity {
        engines[index].isAborted = true
      } else {
        engines[index] = DSAEngine()
      }
    }
  }

  private mutating func abort(pasid: UInt32) {
    // The closure may not look at the queues while they change.
    let configurations = queues.map(\.configuration)
    abort { Self.identity($0, configurations[$1])?.rawValue == pasid }
  }

  /// The PASID that a descriptor of a queue works with.
  static func identity(_ descriptor: DSADescriptor, _ queue: DSAQueueConfiguration) -> PASID? {
    guard queue.isDedicated else { return descriptor.pasid }
    return queue.hasPASID ? queue.pasid : nil
  }

  /// Ends the command at work when nothing is left that it waits for.
  mutating func finishCommand() {
    guard let command, let code = command.code else { return }
    let mask: UInt64 =
      switch code {
      case .enableDevice, .enableQueue: 0
      case .disableQueues, .drainQueues, .abortQueues, .resetQueues: command.queueMask
      case .drainAll, .abortAll, .disableDevice, .resetDevice, .drainPASID, .abortPASID: .max
      }
    let pasid: UInt32? = code == .drainPASID || code == .abortPASID ? command.operand : nil
    guard !isBusy(mask, pasid: pasid) else { return }
    switch code {
    case .disableDevice:
      for index in queues.indices { queues[index].close() }
      status = .disabled
    case .disableQueues, .resetQueues:
      for index in queues.indices where mask >> UInt64(index) & 1 == 1 {
        queues[index].close()
        if code == .resetQueues { resetConfiguration(index) }
      }
    case .resetDevice: resetTables()
    default: break
    }
    end(.none)
  }

  /// Clears a queue's configuration, but for its share of the entries while the device is on.
  private mutating func resetConfiguration(_ index: Int) {
    let size = queues[index].configuration.words[0]
    queues[index].configuration = DSAQueueConfiguration()
    if status == .enabled { queues[index].configuration.words[0] = size }
  }

  /// What a device reset leaves: interrupt causes, errors and the MSI-X table stay.
  private mutating func resetTables() {
    let isHalted = status == .halted
    for index in queues.indices { queues[index] = DSAQueue() }
    groups = groups.map { _ in 0 }
    vectorPermissions = vectorPermissions.map { _ in 0 }
    generalConfiguration = 0
    generalControl = 0
    // Only a function reset gets out of the halt state that asks for one.
    if !isHalted { status = .disabled }
  }

  /// Whether anything of some queues, or of a PASID, waits or is at work.
  private func isBusy(_ mask: UInt64, pasid: UInt32?) -> Bool {
    let atWork = engines.contains { engine in
      guard let job = engine.job, mask >> UInt64(job.queue) & 1 == 1 else { return false }
      return pasid == nil || job.requester.pasid?.rawValue == pasid
    }
    if atWork { return true }
    return queues.contains { queue in
      guard let pasid else { return false }
      return queue.contains { Self.identity($0, queue.configuration)?.rawValue == pasid }
    }
      || queues.indices.contains { index in
        pasid == nil && mask >> UInt64(index) & 1 == 1 && queues[index].occupancy > 0
      }
  }

  private mutating func end(_ error: DSACommandError) {
    let interrupts = command?.interrupts ?? false
    command = nil
    commandError = error
    if interrupts { raise(.command) }
  }

  // MARK: Interrupts and errors

  /// Notes a cause and sends vector 0.
  mutating func raise(_ cause: DSAInterruptCause) {
    causes.formUnion(cause)
    vectors |= 1
  }

  /// Puts an error into SWERR, or notes that there was no room for it.
  mutating func report(_ error: DSASoftwareError) {
    if softwareError.0 & 1 == 1 {
      softwareError.0 |= 2
    } else {
      softwareError = error.words
    }
    if generalControl & 1 == 1 { raise(.error) } else { causes.formUnion(.error) }
  }

  /// Config space's controls changed; an enabled device cannot live without bus mastering.
  mutating func setControls(_ new: FunctionControls) {
    controls = new
    guard !new.contains(.busMaster), status == .enabled else { return }
    abort { _, _ in true }
    for index in queues.indices { queues[index].isClosed = queues[index].isEnabled }
    status = .halted
    neededReset = 1
    report(DSASoftwareError(status: .busMasterLost))
    causes.formUnion(.halt)
    if generalControl & 2 != 0 { vectors |= 1 }
    finishCommand()
  }
}
