public import Hardware

/// What a guest has told the unit to forget.
///
/// VT-d §6.5; each is one descriptor, or one use of the invalidation registers.
public enum VTdCacheInvalidation: Hashable, Sendable, BitwiseCopyable {
  /// All context entries.
  case allContexts
  /// Context entries of a domain.
  case contexts(domain: UInt16)
  /// Context entries of sources that agree with `source` outside of `mask`.
  case context(source: UInt16, mask: UInt16, domain: UInt16)
  /// All PASID directory and table entries.
  case allPASIDs
  /// All PASID entries of a domain.
  case pasids(domain: UInt16)
  /// The entries of one PASID in a domain.
  case pasid(PASID, domain: UInt16)
  /// All translations.
  case allTranslations
  /// All translations of a domain.
  case translations(domain: UInt16)
  /// A domain's translations of a range through a second stage.
  case pages(FirstStageInvalidation, domain: UInt16)
  /// A range, or everything, of a PASID in a domain.
  case pasidPages(FirstStageInvalidation, PASID, domain: UInt16)
  /// All interrupt remapping entries.
  case allInterrupts
  /// The entries of indices that agree with `index` in all but the lowest `maskBits` bits.
  case interrupts(index: UInt16, maskBits: UInt8)
}

/// What part of the unit's state its own translations depend on.
public struct VTdTranslationState: Hashable, Sendable, Codable {
  /// TES: whether requests are translated at all.
  public var isTranslating: Bool
  /// The root table, as latched by the last set-root-pointer command.
  public var root: VTdRootTableAddress
  /// IRES: whether interrupts are remapped.
  public var remapsInterrupts: Bool
  /// IRTA, as latched by the last set-interrupt-pointer command.
  public var interruptTable: UInt64
  /// CFIS: whether interrupts of the compatibility format pass.
  public var passesCompatibilityInterrupts: Bool

  /// The state after a reset.
  public static var reset: Self {
    Self(
      isTranslating: false, root: VTdRootTableAddress(rawValue: 0), remapsInterrupts: false,
      interruptTable: 0, passesCompatibilityInterrupts: false)
  }

  /// Describes a state.
  ///
  /// - Parameters:
  ///   - isTranslating: TES.
  ///   - root: The latched root table.
  ///   - remapsInterrupts: IRES.
  ///   - interruptTable: The latched IRTA.
  ///   - passesCompatibilityInterrupts: CFIS.
  public init(
    isTranslating: Bool, root: VTdRootTableAddress, remapsInterrupts: Bool,
    interruptTable: UInt64, passesCompatibilityInterrupts: Bool
  ) {
    self.isTranslating = isTranslating
    self.root = root
    self.remapsInterrupts = remapsInterrupts
    self.interruptTable = interruptTable
    self.passesCompatibilityInterrupts = passesCompatibilityInterrupts
  }
}

/// Something that caches what the guest's tables say: own translations, interrupt remapping.
///
/// Called with the unit's control lock held, one call at a time: must not call the unit back, nor
/// wait for a thread that does.
public protocol VTdCacheListener: AnyObject, Sendable {
  /// The registers changed what tables are used, or whether; the new ones hold from now on.
  ///
  /// Caches need not be dropped: the guest invalidates, unless ``invalidate(_:)`` follows.
  func changed(to state: VTdTranslationState)

  /// Drops from the caches; no request that begins after the call uses what was dropped.
  func invalidate(_ invalidation: VTdCacheInvalidation)

  /// Returns when no request is under way that may use what was dropped before.
  ///
  /// Called once before a guest sees any number of invalidations complete.
  func drain()
}

/// The device TLB of an emulated device, and what else of the unit reaches it.
///
/// Called like a ``VTdCacheListener``.
public protocol VTdDeviceTLB: AnyObject, Sendable {
  /// Drops translations that the device has cached (ATS).
  ///
  /// - Parameters:
  ///   - range: Which ones.
  ///   - pasid: Of which PASID; `nil` for requests without.
  ///   - isGlobal: Whether those of all PASIDs go.
  /// - Returns: How the device answered.
  func invalidate(
    _ range: FirstStageInvalidation, of pasid: PASID?, isGlobal: Bool
  ) -> VTdDeviceAnswer

  /// Takes the guest's answer to a group of page requests.
  func respond(_ response: PageGroupResponse)
}

/// How a device answers an invalidation.
public enum VTdDeviceAnswer: Hashable, Sendable {
  /// It is done.
  case done
  /// It does not answer: the unit reports a timeout.
  case silence
  /// It answers something else: the unit reports an invalid completion.
  case invalid
}
