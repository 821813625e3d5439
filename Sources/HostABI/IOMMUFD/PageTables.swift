/// The argument of `IOMMU_HWPT_ALLOC` (0x89): makes a hardware page table.
package struct HWPTAllocArgument: WireStructure {
  package var size: UInt32 = 48
  package var flags: UInt32 = 0
  package var deviceID: UInt32 = 0
  /// An IOAS, a nesting parent or a vIOMMU (`pt_id`).
  package var parentID: UInt32 = 0
  package var outID: UInt32 = 0
  package var reserved: UInt32 = 0
  package var dataType: UInt32 = 0
  package var dataLength: UInt32 = 0
  package var dataAddress: UInt64 = 0
  package var faultID: UInt32 = 0
  package var reserved2: UInt32 = 0

  package init() {}
}

/// The argument of `IOMMU_GET_HW_INFO` (0x8A): what the device's IOMMU and PASIDs can do.
package struct HardwareInfoArgument: WireStructure {
  package var size: UInt32 = 40
  package var flags: UInt32 = 0
  package var deviceID: UInt32 = 0
  package var dataLength: UInt32 = 0
  package var dataAddress: UInt64 = 0
  package var dataType: UInt32 = 0
  package var outMaxPASIDLog2: UInt8 = 0
  package var reserved0: UInt8 = 0
  package var reserved1: UInt8 = 0
  package var reserved2: UInt8 = 0
  package var outCapabilities: UInt64 = 0

  package init() {}
}

/// The argument of `IOMMU_HWPT_SET_DIRTY_TRACKING` (0x8B).
package struct SetDirtyTrackingArgument: WireStructure {
  package var size: UInt32 = 16
  package var flags: UInt32 = 0
  package var hwptID: UInt32 = 0
  package var reserved: UInt32 = 0

  package init() {}
}

/// The argument of `IOMMU_HWPT_GET_DIRTY_BITMAP` (0x8C).
package struct GetDirtyBitmapArgument: WireStructure {
  package var size: UInt32 = 48
  package var hwptID: UInt32 = 0
  package var flags: UInt32 = 0
  package var reserved: UInt32 = 0
  package var iova: UInt64 = 0
  package var length: UInt64 = 0
  /// Bytes that one bit stands for.
  package var pageSize: UInt64 = 0
  /// Address of the bits.
  package var bitmap: UInt64 = 0

  package init() {}
}

/// The argument of `IOMMU_HWPT_INVALIDATE` (0x8D).
package struct InvalidateArgument: WireStructure {
  package var size: UInt32 = 32
  package var hwptID: UInt32 = 0
  package var dataAddress: UInt64 = 0
  package var dataType: UInt32 = 0
  package var entryLength: UInt32 = 0
  package var entryCount: UInt32 = 0
  package var reserved: UInt32 = 0

  package init() {}
}

/// `struct iommu_hw_info_vtd`: the unit's capability registers.
package struct VTdHardwareInfo: WireStructure {
  package var flags: UInt32 = 0
  package var reserved: UInt32 = 0
  package var capability: UInt64 = 0
  package var extendedCapability: UInt64 = 0

  package init() {}
}

/// `struct iommu_hw_info_arm_smmuv3`: the unit's identification registers.
package struct SMMUv3HardwareInfo: WireStructure {
  package var flags: UInt32 = 0
  package var reserved: UInt32 = 0
  package var idr0: UInt32 = 0
  package var idr1: UInt32 = 0
  package var idr2: UInt32 = 0
  package var idr3: UInt32 = 0
  package var idr4: UInt32 = 0
  package var idr5: UInt32 = 0
  package var iidr: UInt32 = 0
  package var aidr: UInt32 = 0

  package init() {}
}

/// `struct iommu_hwpt_vtd_s1`: a first-stage table of a VT-d guest.
package struct VTdStage1: WireStructure {
  /// 1 is SRE, 2 EAFE, 4 WPE.
  package var flags: UInt64 = 0
  /// Guest-physical address of the top table.
  package var tableAddress: UInt64 = 0
  /// 48 or 57 bits.
  package var addressWidth: UInt32 = 0
  package var reserved: UInt32 = 0

  package init() {}
}

/// `struct iommu_hwpt_arm_smmuv3`: the first two words of a guest's stream table entry.
package struct SMMUv3Stage1: WireStructure {
  package var word0: UInt64 = 0
  package var word1: UInt64 = 0

  package init() {}
}

/// `struct iommu_hwpt_vtd_s1_invalidate`: one range of a VT-d first-stage table.
package struct VTdInvalidation: WireStructure {
  package var address: UInt64 = 0
  package var pageCount: UInt64 = 0
  /// 1 is LEAF.
  package var flags: UInt32 = 0
  package var reserved: UInt32 = 0

  package init() {}
}

/// `struct iommu_viommu_arm_smmuv3_invalidate`: one command of a guest's SMMUv3.
package struct SMMUv3Invalidation: WireStructure {
  package var word0: UInt64 = 0
  package var word1: UInt64 = 0

  package init() {}
}
