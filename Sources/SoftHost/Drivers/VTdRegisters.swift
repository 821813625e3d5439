public import Hardware

/// CAP and ECAP of a VT-d unit, as far as Linux's driver reads them (VT-d §11.4.2, §11.4.3).
public struct VTdRegisters: Hashable, Sendable {
  /// The capability register.
  public var capability: Capability
  /// The extended capability register.
  public var extendedCapability: ExtendedCapability
  /// Whether Linux runs the unit in scalable mode, which PASIDs and nesting need.
  public var isScalable: Bool

  /// The capability register (offset 0x08).
  public struct Capability: BitRegister {
    /// All bits.
    public var rawValue: UInt64

    /// Makes a register from all its bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Supported widths of the second stage: bit 1 is 39 bits, 2 is 48, 3 is 57.
    var sagaw: UInt64 { self[8...12] }
    /// The widest guest address in bits.
    var guestAddressWidth: Int { Int(self[16...21]) + 1 }
    /// First-stage tables may have five levels.
    var hasFiveLevels: Bool { self[60] }
  }

  /// The extended capability register (offset 0x10).
  public struct ExtendedCapability: BitRegister {
    /// All bits.
    public var rawValue: UInt64

    /// Makes a register from all its bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    var hasDeviceTLB: Bool { self[2] }
    var hasSnoopControl: Bool { self[7] }
    var hasNesting: Bool { self[26] }
    var hasPageRequests: Bool { self[29] }
    var hasSupervisorRequests: Bool { self[31] }
    var hasExtendedAccessedFlag: Bool { self[34] }
    /// Bits of a PASID.
    var pasidBits: UInt32 { UInt32(self[35...39]) + 1 }
    var hasPASID: Bool { self[40] }
    var hasScalableMode: Bool { self[43] }
    var hasSecondStageDirtyBits: Bool { self[45] }
    var hasSecondStage: Bool { self[46] }
    var hasFirstStage: Bool { self[47] }
    var hasCoherentWalks: Bool { self[48] }
  }

  /// Describes a unit.
  ///
  /// - Parameters:
  ///   - capability: CAP.
  ///   - extendedCapability: ECAP.
  ///   - isScalable: Whether Linux runs the unit in scalable mode, if it can.
  public init(capability: UInt64, extendedCapability: UInt64, isScalable: Bool = true) {
    self.capability = Capability(rawValue: capability)
    self.extendedCapability = ExtendedCapability(rawValue: extendedCapability)
    self.isScalable = isScalable
  }

  /// A unit like those of servers with PASIDs: 20 PASID bits, nesting, both stages, 48 and 57 bits,
  /// page requests, device TLBs, dirty bits, supervisor and execute requests.
  public static let server: Self = {
    var capability = Capability(rawValue: 0)
    capability[0...2] = 6
    capability[8...12] = 0b01110
    capability[16...21] = 56
    capability[34] = true
    capability[35] = true
    capability[39] = true
    capability[48...53] = 18
    capability[54] = true
    capability[55] = true
    capability[56] = true
    capability[60] = true
    var extended = ExtendedCapability(rawValue: 0)
    for bit in [0, 1, 2, 3, 4, 6, 7, 26, 29, 30, 31, 40, 42, 43, 45, 46, 47, 48, 49] {
      extended[bit] = true
    }
    extended[8...17] = 0xF
    extended[35...39] = 19
    return Self(
      capability: capability.rawValue, extendedCapability: extended.rawValue, isScalable: true)
  }()

  /// Whether scalable mode is in use.
  var usesScalableMode: Bool { isScalable && extendedCapability.hasScalableMode }
  /// Whether guests' tables can be nested.
  var nests: Bool { usesScalableMode && extendedCapability.hasNesting }
  /// Whether the second stage notes what was written.
  var notesDirtyPages: Bool {
    usesScalableMode && extendedCapability.hasSecondStageDirtyBits
      && extendedCapability.hasCoherentWalks
  }
  /// Whether the kernel can make first-stage tables.
  var hasFirstStage: Bool { usesScalableMode && extendedCapability.hasFirstStage }
  /// Whether the kernel can make second-stage tables; legacy mode always can.
  var hasSecondStage: Bool { !usesScalableMode || extendedCapability.hasSecondStage }
  /// Whether PASIDs can be attached.
  var hasPASIDs: Bool { usesScalableMode && extendedCapability.hasPASID }

  /// Levels of a second-stage table and the bits of its addresses; `nil` when there is none.
  var secondStage: (levels: Int, width: Int)? {
    let width = capability.guestAddressWidth
    let sagaw = capability.sagaw
    if width > 48, sagaw >= 8 { return (5, min(57, width)) }
    if width > 39, sagaw >= 4 { return (sagaw & 4 != 0 ? 4 : 5, min(48, width)) }
    if width > 30, sagaw >= 2 {
      return (sagaw & 2 != 0 ? 3 : sagaw & 4 != 0 ? 4 : 5, min(39, width))
    }
    return nil
  }
}
