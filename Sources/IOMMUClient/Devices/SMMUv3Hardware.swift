public import Hardware

/// An SMMUv3 as the kernel shows it (`struct iommu_hw_info_arm_smmuv3`).
///
/// The registers are the hardware's own. Only the fields named here are a statement of the kernel
/// too; others may say what it does not let a guest use.
public struct SMMUv3Hardware: Hashable, Sendable {
  /// Notes of the kernel; none yet.
  public let flags: UInt32
  /// SMMU_IDR0.
  public let idr0: SMMUv3IDR0
  /// SMMU_IDR1.
  public let idr1: SMMUv3IDR1
  /// SMMU_IDR3.
  public let idr3: SMMUv3IDR3
  /// SMMU_IDR5.
  public let idr5: SMMUv3IDR5
  /// SMMU_IIDR: who made it.
  public let iidr: UInt32
  /// SMMU_AIDR: the version of the architecture.
  public let aidr: UInt32
}

/// SMMU_IDR0, Arm IHI 0070 §6.3.1.
public struct SMMUv3IDR0: BitRegister {
  /// All 32 bits.
  public var rawValue: UInt32
  /// Takes all 32 bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// TTF: formats of tables; bit 1 is AArch64, bit 0 AArch32.
  public var tableFormats: UInt32 { self[2...3] }
  /// ASID16: ASIDs of 16 bits instead of 8.
  public var has16BitASIDs: Bool { self[12] }
  /// CD2L: context descriptor tables of two levels.
  public var hasTwoLevelContextTables: Bool { self[19] }
  /// TTENDIAN: byte orders of tables.
  public var tableEndianness: UInt32 { self[21...22] }
  /// STALL_MODEL: 0 stall and terminate, 1 no stalling, 2 stalling only.
  public var stallModel: UInt32 { self[24...25] }
  /// TERM_MODEL: whether a terminated transaction always aborts.
  public var alwaysAborts: Bool { self[26] }
  /// ST_LEVEL: levels of the stream table.
  public var streamTableLevels: UInt32 { self[27...28] }
}

/// SMMU_IDR1, Arm IHI 0070 §6.3.2.
public struct SMMUv3IDR1: BitRegister {
  /// All 32 bits.
  public var rawValue: UInt32
  /// Takes all 32 bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// SIDSIZE: bits of a StreamID.
  public var streamIDWidth: Int { Int(self[0...5]) }
  /// SSIDSIZE: bits of a SubstreamID, which is what a PASID is here.
  public var substreamIDWidth: Int { Int(self[6...10]) }
}

/// SMMU_IDR3, Arm IHI 0070 §6.3.4.
public struct SMMUv3IDR3: BitRegister {
  /// All 32 bits.
  public var rawValue: UInt32
  /// Takes all 32 bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// RIL: invalidation of ranges.
  public var hasRangeInvalidation: Bool { self[10] }
  /// BBML: how freely the size of a mapping may change.
  public var breakBeforeMakeLevel: UInt32 { self[11...12] }
}

/// SMMU_IDR5, Arm IHI 0070 §6.3.6.
public struct SMMUv3IDR5: BitRegister {
  /// All 32 bits.
  public var rawValue: UInt32
  /// Takes all 32 bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// GRAN4K: pages of 4 KiB.
  public var has4KPages: Bool { self[4] }
  /// GRAN16K: pages of 16 KiB.
  public var has16KPages: Bool { self[5] }
  /// GRAN64K: pages of 64 KiB.
  public var has64KPages: Bool { self[6] }
  /// VAX: 1 for virtual addresses of 52 bits.
  public var virtualAddressExtension: UInt32 { self[10...11] }
}
