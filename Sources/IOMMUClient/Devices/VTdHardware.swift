public import Hardware

/// A VT-d unit as the kernel shows it (`struct iommu_hw_info_vtd`).
public struct VTdHardware: Hashable, Sendable {
  /// Notes of the kernel; bit 0 is about erratum 772415.
  public let flags: UInt32
  /// The Capability Register.
  public let capability: VTdCapability
  /// The Extended Capability Register.
  public let extended: VTdExtendedCapability

  /// Whether memory that devices may only read cannot be mapped under a nesting parent.
  public var refusesReadOnlyUnderNesting: Bool { flags & 1 != 0 }
}

/// Capability Register (VT-d 4.1 §11.4.2).
public struct VTdCapability: BitRegister {
  /// All 64 bits.
  public var rawValue: UInt64
  /// Takes all 64 bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// FS5LP: first-stage tables of five levels, 57 bits.
  public var hasFiveLevelFirstStage: Bool { self[60] }
}

/// Extended Capability Register (VT-d 4.1 §11.4.3).
public struct VTdExtendedCapability: BitRegister {
  /// All 64 bits.
  public var rawValue: UInt64
  /// Takes all 64 bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// SC: snooping can be enforced.
  public var hasSnoopControl: Bool { self[7] }
  /// NEST: a guest's first stage can stand on a second stage.
  public var hasNesting: Bool { self[26] }
  /// SRS: supervisor requests can be translated.
  public var hasSupervisorRequests: Bool { self[31] }
  /// EAFS: extended accessed flags.
  public var hasExtendedAccessedFlag: Bool { self[34] }
  /// PASID: requests with a PASID.
  public var hasPASID: Bool { self[40] }
  /// PSS: bits of a PASID; 0 without PASIDs.
  public var pasidWidth: Int { hasPASID ? Int(self[35...39]) + 1 : 0 }
  /// SSADS: the second stage sets accessed and dirty bits.
  public var hasSecondStageDirty: Bool { self[45] }
}
