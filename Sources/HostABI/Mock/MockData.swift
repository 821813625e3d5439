/// `struct iommu_test_hw_info`: what a mock device's IOMMU tells of itself.
package struct MockHardwareInfo: WireStructure {
  package var flags: UInt32 = 0
  package var register: UInt32 = 0

  package init() {}
}

/// `struct iommu_hwpt_selftest`: a mock page table; the first field alone is enough.
package struct MockTableData: WireStructure {
  /// What every IOTLB entry of a nested table holds at first.
  package var iotlb: UInt32 = 0
  package var kind: UInt32 = 0

  package init() {}
}

/// `struct iommu_hwpt_invalidate_selftest`: clears IOTLB entries of a nested table.
package struct MockInvalidation: WireStructure {
  package var flags: UInt32 = 0
  package var entry: UInt32 = 0

  package init() {}
}

/// `struct iommu_viommu_selftest`: in and out data of a mock vIOMMU.
package struct MockVIOMMUData: WireStructure {
  package var input: UInt32 = 0
  package var output: UInt32 = 0
  package var outMapOffset: UInt64 = 0
  package var outMapLength: UInt64 = 0

  package init() {}
}

/// `struct iommu_viommu_invalidate_selftest`: clears cache entries of a device behind a vIOMMU.
package struct MockVIOMMUInvalidation: WireStructure {
  package var flags: UInt32 = 0
  package var virtualID: UInt32 = 0
  package var entry: UInt32 = 0

  package init() {}
}

/// `struct iommu_viommu_event_selftest`: the data of an event.
package struct MockEvent: WireStructure {
  package var virtualID: UInt32 = 0

  package init() {}
}
