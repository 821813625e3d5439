/// What a unit's guest has programmed, for a migration.
public struct VTdUnitState: Hashable, Sendable, Codable {
  /// What the unit offers; a unit that offers anything else refuses the state.
  public var configuration: VTdConfiguration
  /// The register page in doublewords.
  public var registers: [UInt32]
  /// What was latched, and switched on.
  public var translation: VTdTranslationState
  /// IQA as it was when the queue was enabled; `nil` while it is not.
  public var queueAddress: UInt64?
  /// The recording register for the next fault.
  public var nextRecord: Int

  /// Describes a state.
  ///
  /// - Parameters:
  ///   - configuration: What the unit offers.
  ///   - registers: The register page in doublewords.
  ///   - translation: What was latched, and switched on.
  ///   - queueAddress: IQA as it was when the queue was enabled.
  ///   - nextRecord: The recording register for the next fault.
  public init(
    configuration: VTdConfiguration, registers: [UInt32], translation: VTdTranslationState,
    queueAddress: UInt64?, nextRecord: Int
  ) {
    self.configuration = configuration
    self.registers = registers
    self.translation = translation
    self.queueAddress = queueAddress
    self.nextRecord = nextRecord
  }
}

/// Why a unit does not take a state over.
public enum VTdRestoreError: Error, Hashable, Sendable {
  /// It is the state of a unit that offers something else.
  case otherConfiguration
  /// A register holds what no guest can have brought it to, by its offset.
  case register(offset: Int)
  /// What was latched does not agree with the registers.
  case latched
}

extension VTdModel {
  func save() -> VTdUnitState {
    VTdUnitState(
      configuration: configuration, registers: registers.contents, translation: state,
      queueAddress: queue?.rawValue, nextRecord: nextRecord)
  }

  mutating func restore(_ saved: VTdUnitState) throws(VTdRestoreError) {
    guard saved.configuration == configuration else { throw .otherConfiguration }
    var file = VTdRegisterFile(configuration)
    if let wrong = file.restore(saved.registers) { throw .register(offset: wrong) }
    let status = VTdGlobalCommand(rawValue: file[VTdRegister.status])
    guard status.queuedInvalidation == (saved.queueAddress != nil),
      status.translation == saved.translation.isTranslating,
      status.interruptRemapping == saved.translation.remapsInterrupts,
      status.compatibilityInterrupts == saved.translation.passesCompatibilityInterrupts,
      (0..<configuration.faultRegisters).contains(saved.nextRecord)
    else { throw .latched }
    registers = file
    shadow.beginStretch()
    state = saved.translation
    queue = saved.queueAddress.map(VTdQueueAddress.init(rawValue:))
    nextRecord = saved.nextRecord
    silentSource = nil
    didClearRecord()
    announceState(flushing: true)
    shadow.note(.allTranslations)
    shadow.markAll()
    finishInvalidations()
    // What the guest queued while the state was on its way.
    driveQueue()
  }
}
