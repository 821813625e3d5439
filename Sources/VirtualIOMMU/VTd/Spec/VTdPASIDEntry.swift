public import Hardware

/// A PASID directory entry, 8 bytes.
///
/// VT-d §9.5.
@frozen
public struct VTdPASIDDirectoryEntry: BitRegister {
  /// All bits.
  public var rawValue: UInt64
  /// Makes an entry from all its bits.
  ///
  /// - Parameter rawValue: All bits.
  @inlinable
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// P, bit 0.
  public var isPresent: Bool { self[0] }
  /// FPD, bit 1: qualified faults are not recorded.
  public var disablesFaults: Bool { self[1] }
  /// The PASID table of 64 entries, bits 63:12.
  public var table: GuestPhysicalAddress { GuestPhysicalAddress(rawValue & ~0xFFF) }

  /// Whether a bit is set that has to be zero.
  ///
  /// - Parameter features: What the unit can do.
  /// - Returns: `true` when there is one.
  public func hasReserved(_ features: VTdFeatures) -> Bool {
    rawValue & (0xFFC | features.reservedAddress()) != 0
  }
}

/// What a PASID entry translates by: the field PGTT.
@frozen
public struct VTdTranslationType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The field.
  public let rawValue: UInt8
  /// Makes a type from the field.
  ///
  /// - Parameter rawValue: The field.
  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// A first stage.
  public static var firstStage: Self { Self(rawValue: 1) }
  /// A second stage.
  public static var secondStage: Self { Self(rawValue: 2) }
  /// A first stage on a second.
  public static var nested: Self { Self(rawValue: 3) }
  /// Nothing: addresses are physical.
  public static var passThrough: Self { Self(rawValue: 4) }
}

/// A PASID table entry, 64 bytes, of which the first 24 mean something.
///
/// VT-d §9.6.
@frozen
public struct VTdPASIDEntry: Hashable, Sendable, BitwiseCopyable {
  /// Bits 63:0: what translates, and the second stage.
  public var word0: UInt64
  /// Bits 127:64: the domain, and what concerns caches.
  public var word1: UInt64
  /// Bits 191:128: the first stage.
  public var word2: UInt64

  /// Makes an entry from its words.
  ///
  /// - Parameters:
  ///   - word0: Bits 63:0.
  ///   - word1: Bits 127:64.
  ///   - word2: Bits 191:128.
  public init(word0: UInt64, word1: UInt64 = 0, word2: UInt64 = 0) {
    self.word0 = word0
    self.word1 = word1
    self.word2 = word2
  }

  /// P, bit 0.
  public var isPresent: Bool { word0 & 1 != 0 }
  /// FPD, bit 1: qualified faults are not recorded.
  public var disablesFaults: Bool { word0 & 2 != 0 }
  /// The second stage's levels by AW, bits 4:2: 3, 4 or 5 when they are valid.
  public var secondStageLevels: Int { Int(word0 >> 2 & 7) + 2 }
  /// SLEE, bit 5: second-stage entries say what may be executed.
  public var secondStageForbidsExecution: Bool { word0 >> 5 & 1 == 1 }
  /// PGTT, bits 8:6.
  public var type: VTdTranslationType { VTdTranslationType(rawValue: UInt8(word0 >> 6 & 7)) }
  /// SLADE, bit 9: the walk sets accessed and dirty bits in the second stage.
  public var setsSecondStageDirty: Bool { word0 >> 9 & 1 == 1 }
  /// SSPTPTR, bits 63:12.
  public var secondStage: GuestPhysicalAddress { GuestPhysicalAddress(word0 & ~0xFFF) }
  /// DID, bits 79:64.
  public var domain: UInt16 { UInt16(truncatingIfNeeded: word1) }
  /// SRE, bit 128: privileged requests are allowed.
  public var allowsSupervisor: Bool { word2 & 1 != 0 }
  /// ERE, bit 129: execute requests are allowed.
  public var allowsExecute: Bool { word2 & 2 != 0 }
  /// The first stage's levels by FSPM, bits 131:130: 4, 5, or more when the field is invalid.
  public var firstStageLevels: Int { Int(word2 >> 2 & 3) + 4 }
  /// WPE, bit 132: privileged writes heed read-only entries too.
  public var protectsWrites: Bool { word2 >> 4 & 1 == 1 }
  /// EAFE, bit 135: walks set the extended accessed flag.
  public var setsExtendedAccessed: Bool { word2 >> 7 & 1 == 1 }
  /// FSPTPTR, bits 191:140; a guest's own guest physical address when nested.
  public var firstStage: GuestPhysicalAddress { GuestPhysicalAddress(word2 & ~0xFFF) }

  /// Whether a first stage is used.
  public var hasFirstStage: Bool { type == .firstStage || type == .nested }
  /// Whether a second stage is used.
  public var hasSecondStage: Bool { type == .secondStage || type == .nested }

  /// Whether a bit is set that has to be zero.
  ///
  /// Switches for what the unit cannot do are such bits; the words of a stage that is not used are
  /// not looked at.
  ///
  /// - Parameter features: What the unit can do.
  /// - Returns: `true` when there is one.
  public func hasReserved(_ features: VTdFeatures) -> Bool {
    var reserved0 = 0xC00 as UInt64
    if !features.hasSecondStageDirty { reserved0 |= 1 << 9 }
    if hasSecondStage { reserved0 |= features.reservedAddress() }
    var reserved2 = 0xF00 as UInt64
    if !features.hasSupervisorRequests { reserved2 |= 1 }
    if !features.hasExecuteRequests { reserved2 |= 2 }
    if !features.hasExtendedAccessed { reserved2 |= 1 << 7 }
    // Nested, the second stage says which addresses there are.
    if type == .firstStage { reserved2 |= features.reservedAddress() }
    if !hasFirstStage { reserved2 = 0 }
    let domains = ~UInt64(features.domainCount - 1) & 0xFFFF
    return word0 & reserved0 | word1 & (0x7F_0000 | domains) | word2 & reserved2 != 0
  }

  /// Whether it asks for what the unit can do.
  ///
  /// - Parameter features: What the unit can do.
  /// - Returns: `false` when the unit cannot.
  public func isValid(_ features: VTdFeatures) -> Bool {
    let isKnown =
      switch type {
      case .firstStage: features.hasFirstStage
      case .secondStage: features.hasSecondStage
      case .nested: features.hasFirstStage && features.hasSecondStage && features.hasNesting
      case .passThrough: features.hasPassThrough
      default: false
      }
    guard isKnown else { return false }
    if hasFirstStage {
      let levels = firstStageLevels
      guard levels == 4 || levels == 5 && features.hasFirstStageFiveLevels else { return false }
      if type == .firstStage { return true }
    }
    // Pass-through needs a valid width too.
    return features.hasSecondStage(levels: secondStageLevels)
  }
}
