public import Hardware

/// A context entry of legacy mode, 16 bytes.
///
/// VT-d §9.3.
@frozen
public struct VTdLegacyContextEntry: Hashable, Sendable, BitwiseCopyable {
  /// P, FPD, TT and the second stage's pointer.
  public var low: UInt64
  /// AW and the domain.
  public var high: UInt64

  /// Makes an entry from its words.
  ///
  /// - Parameters:
  ///   - low: Bits 63:0.
  ///   - high: Bits 127:64.
  public init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// What happens to untranslated requests.
  @frozen
  public struct TranslationType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    /// The field TT.
    public let rawValue: UInt8
    /// Makes a type from the field.
    ///
    /// - Parameter rawValue: The field.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// They go through the second stage; no others are allowed.
    public static var untranslated: Self { Self(rawValue: 0) }
    /// They go through the second stage; translated ones and translation requests are allowed.
    public static var all: Self { Self(rawValue: 1) }
    /// They pass through.
    public static var passThrough: Self { Self(rawValue: 2) }
  }

  /// P, bit 0.
  public var isPresent: Bool { low & 1 != 0 }
  /// FPD, bit 1: qualified faults are not recorded.
  public var disablesFaults: Bool { low & 2 != 0 }
  /// TT, bits 3:2.
  public var type: TranslationType { TranslationType(rawValue: UInt8(low >> 2 & 3)) }
  /// SSPTPTR, bits 63:12.
  public var secondStage: GuestPhysicalAddress { GuestPhysicalAddress(low & ~0xFFF) }
  /// The second stage's levels by AW, bits 66:64: 3, 4 or 5 when they are valid.
  public var levels: Int { Int(high & 7) + 2 }
  /// DID, bits 87:72.
  public var domain: UInt16 { UInt16(truncatingIfNeeded: high >> 8) }

  /// Whether a bit is set that has to be zero.
  ///
  /// - Parameter features: What the unit can do.
  /// - Returns: `true` when there is one.
  public func hasReserved(_ features: VTdFeatures) -> Bool {
    low & (0xFF0 | features.reservedAddress()) != 0 || high & 0xFFFF_FFFF_FF00_0080 != 0
  }

  /// Whether it asks for what the unit can do.
  ///
  /// - Parameter features: What the unit can do.
  /// - Returns: `false` when the unit cannot.
  public func isValid(_ features: VTdFeatures) -> Bool {
    guard features.hasSecondStage(levels: levels), Int(domain) < features.domainCount else {
      return false
    }
    return switch type {
    case .untranslated: true
    case .all: features.hasDeviceTLB
    case .passThrough: features.hasPassThrough
    default: false
    }
  }
}

/// A context entry of scalable mode, 32 bytes.
///
/// VT-d §9.4.
@frozen
public struct VTdContextEntry: Hashable, Sendable, BitwiseCopyable {
  /// Bits 63:0.
  public var word0: UInt64
  /// Bits 127:64.
  public var word1: UInt64
  /// Bits 191:128.
  public var word2: UInt64
  /// Bits 255:192.
  public var word3: UInt64

  /// Makes an entry from its words.
  ///
  /// - Parameters:
  ///   - word0: Bits 63:0.
  ///   - word1: Bits 127:64.
  ///   - word2: Bits 191:128.
  ///   - word3: Bits 255:192.
  public init(word0: UInt64, word1: UInt64 = 0, word2: UInt64 = 0, word3: UInt64 = 0) {
    self.word0 = word0
    self.word1 = word1
    self.word2 = word2
    self.word3 = word3
  }

  /// P, bit 0.
  public var isPresent: Bool { word0 & 1 != 0 }
  /// FPD, bit 1: qualified faults are not recorded.
  public var disablesFaults: Bool { word0 & 2 != 0 }
  /// DTE, bit 2: translated requests and translation requests are allowed.
  public var allowsDeviceTLB: Bool { word0 & 4 != 0 }
  /// PASIDE, bit 3: requests with PASID are allowed.
  public var allowsPASID: Bool { word0 & 8 != 0 }
  /// PRE, bit 4: page requests are allowed.
  public var allowsPageRequests: Bool { word0 & 16 != 0 }
  /// How many bits of PASID the directory takes, by PDTS in bits 11:9: 13 to 20.
  public var pasidWidth: Int { Int(word0 >> 9 & 7) + 13 }
  /// The PASID directory, bits 63:12.
  public var directory: GuestPhysicalAddress { GuestPhysicalAddress(word0 & ~0xFFF) }
  /// RID_PASID, bits 83:64: the PASID of requests without one.
  public var ridPASID: UInt32 { UInt32(word1 & 0xF_FFFF) }
  /// RID_PRIV, bit 84: requests without PASID are privileged.
  public var isRIDPrivileged: Bool { word1 >> 20 & 1 == 1 }

  /// Whether a bit is set that has to be zero.
  ///
  /// Switches for what the unit cannot do are such bits.
  ///
  /// - Parameter features: What the unit can do.
  /// - Returns: `true` when there is one.
  public func hasReserved(_ features: VTdFeatures) -> Bool {
    var reserved = 0x1E0 | features.reservedAddress()
    if !features.hasDeviceTLB { reserved |= 4 }
    if !features.hasPASID { reserved |= 8 }
    if !features.hasPageRequests { reserved |= 16 }
    var reserved1 = ~0x1F_FFFF as UInt64
    if !features.hasRIDPASID { reserved1 |= 0xF_FFFF }
    if !features.hasSupervisorRequests { reserved1 |= 1 << 20 }
    return word0 & reserved | word1 & reserved1 | word2 | word3 != 0
  }
}
