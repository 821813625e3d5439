/// GCMD and the register way of invalidating (VT-d §11.4.4, §11.4.6, §11.4.8).
extension VTdModel {
  private var status: VTdGlobalCommand {
    get { VTdGlobalCommand(rawValue: registers[VTdRegister.status]) }
    set { registers[VTdRegister.status] = newValue.rawValue }
  }

  /// The guest wrote GCMD: one bit is a command, the others repeat what is on.
  mutating func didCommand() {
    let command = VTdGlobalCommand(rawValue: registers[VTdRegister.command])
    registers[VTdRegister.command] = 0
    shadow.beginStretch()
    if command.rootPointer { setRootPointer() }
    if configuration.features.contains(.interruptRemapping) { commandInterrupts(command) }
    if command.queuedInvalidation != status.queuedInvalidation {
      switchQueue(on: command.queuedInvalidation)
    }
    if command.translation != status.translation {
      status.translation = command.translation
      state.isTranslating = command.translation
      announceState(flushing: false)
      shadow.markAll()
      finishInvalidations()
    }
    // There is no write buffer: WBF is done at once, and WBFS never seen.
  }

  private mutating func setRootPointer() {
    state.root = VTdRootTableAddress(rawValue: registers[wide: VTdRegister.rootTable])
    status.rootPointer = true
    let isFlushing = configuration.features.contains(.flushingPointers)
    for listener in listeners { listener.changed(to: state) }
    if isFlushing {
      tellListeners(.allContexts)
      tellListeners(.allPASIDs)
      tellListeners(.allTranslations)
      shadow.note(.allTranslations)
    }
    // The guest's own invalidations follow, and then find nothing to do.
    if state.isTranslating { shadow.markAll() }
    finishInvalidations()
  }

  private mutating func commandInterrupts(_ command: VTdGlobalCommand) {
    var isChanged = false
    if command.interruptPointer {
      state.interruptTable = registers[wide: VTdRegister.interruptTable]
      status.interruptPointer = true
      isChanged = true
    }
    if command.interruptRemapping != status.interruptRemapping {
      status.interruptRemapping = command.interruptRemapping
      state.remapsInterrupts = command.interruptRemapping
      isChanged = true
    }
    if command.compatibilityInterrupts != status.compatibilityInterrupts {
      status.compatibilityInterrupts = command.compatibilityInterrupts
      state.passesCompatibilityInterrupts = command.compatibilityInterrupts
      isChanged = true
    }
    guard isChanged else { return }
    for listener in listeners { listener.changed(to: state) }
    if command.interruptPointer, configuration.features.contains(.flushingPointers) {
      tellListeners(.allInterrupts)
      finishInvalidations()
    }
  }

  // MARK: Invalidation by registers

  /// The guest wrote CCMD.
  ///
  /// Its use while the queue is on is undefined; it is done all the same, so that nobody waits.
  mutating func didCommandContext() {
    var command = registers[wide: VTdRegister.contextCommand]
    guard command >> 63 == 1 else { return }
    let domain = UInt16(truncatingIfNeeded: command)
    shadow.beginStretch()
    let granularity = command >> 61 & 3
    switch granularity {
    case 1: forgetOnCommand(.allContexts)
    case 2: forgetOnCommand(.contexts(domain: domain))
    case 3:
      forgetOnCommand(
        .context(
          source: UInt16(truncatingIfNeeded: command >> 16),
          mask: VTdDescriptor.functions(command >> 32 & 3), domain: domain))
    default: break
    }
    finishInvalidations()
    // ICC clears; CAIG says what was done, which is what was asked.
    command &= ~(0b1001_1 << 59)
    registers[wide: VTdRegister.contextCommand] = command | granularity << 59
  }

  /// The guest wrote the IOTLB register.
  mutating func didCommandInvalidation() {
    var command = registers[wide: VTdRegister.invalidate]
    guard command >> 63 == 1 else { return }
    let domain = UInt16(truncatingIfNeeded: command >> 32)
    shadow.beginStretch()
    let place = registers[wide: VTdRegister.invalidateAddress]
    var done = command >> 60 & 3
    // More pages than the unit takes at once: all of the domain.
    if done == 3, place & 0x3F > VTdConfiguration.maximumAddressMask { done = 2 }
    switch done {
    case 1: forgetOnCommand(.allTranslations)
    case 2: forgetOnCommand(.translations(domain: domain))
    case 3: forgetOnCommand(.pages(VTdDescriptor.pages(place), domain: domain))
    default: break
    }
    finishInvalidations()
    // IVT clears; IAIG says what was done.
    command &= ~(1 << 63 | 3 << 57)
    registers[wide: VTdRegister.invalidate] = command | done << 57
  }

  /// Forgets what a register says, and keeps it for a log as what the queue says.
  private mutating func forgetOnCommand(_ what: VTdCacheInvalidation) {
    if keepsInvalidations { kept.append(.unit(what)) }
    forget(what)
  }

  /// Notes what is to be forgotten; ``finishInvalidations()`` ends with nobody using it.
  @inline(__always)
  mutating func forget(_ what: VTdCacheInvalidation) {
    shadow.note(what)
    tellListeners(what)
  }

  /// Brings the backends to what the guest's tables say, and ends all invalidations so far.
  ///
  /// Afterwards no device uses anything that the guest has told to forget.
  mutating func finishInvalidations() {
    synchronise()
    flushBatches()
    guard needsDrain else { return }
    needsDrain = false
    for listener in listeners { listener.drain() }
  }
}
