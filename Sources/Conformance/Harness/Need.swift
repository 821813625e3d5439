/// What a case cannot do without.
package enum Need: String, Hashable, Sendable, CaseIterable {
  /// `/dev/iommu`.
  case iommufd = "/dev/iommu"
  /// The mock devices of the iommufd self-test.
  case mock = "the mock devices of the iommufd self-test"
  /// A VFIO device that can be bound.
  case vfio = "a VFIO device"
  /// Two VFIO devices.
  case twoDevices = "two VFIO devices"
  /// Two VFIO devices in one IOMMU group.
  case sharedGroup = "two VFIO devices in one IOMMU group"
  /// A VFIO device with PASIDs.
  case vfioPASID = "a VFIO device with PASIDs"
  /// A VFIO device whose largest PASID count is 0.
  case vfioWithoutPASID = "a VFIO device without PASIDs"
  /// A VFIO device behind a unit that makes no tables for PASIDs.
  case unitWithoutPASID = "a VFIO device behind an IOMMU without PASIDs"
  /// A VFIO device that function level reset works for.
  case reset = "a VFIO device with a working reset"
  /// A VFIO device whose IOMMU reserves an interrupt window.
  case interruptWindow = "a VFIO device with an interrupt window"
  /// A VFIO device behind a VT-d unit.
  case vtd = "a VFIO device behind a VT-d unit"
  /// A VFIO device that makes no page requests, behind a VT-d unit.
  case vtdWithoutPRI = "a VFIO device without page requests behind a VT-d unit"
  /// A VFIO device behind a VT-d unit that nests.
  case vtdNesting = "a VFIO device behind a VT-d unit that nests"
  /// A VFIO device with PASIDs behind a VT-d unit that nests.
  case vtdNestingPASID = "a VFIO device with PASIDs behind a VT-d unit that nests"
  /// A VFIO device behind an SMMUv3 that nests.
  case smmuv3 = "a VFIO device behind an SMMUv3 that nests"
  /// A VFIO device without dirty tracking.
  case vfioWithoutDirty = "a VFIO device whose IOMMU tracks no dirty pages"
  /// A VFIO device without a token for virtual functions.
  case vfioWithoutTokens = "a VFIO device that has no token for virtual functions"
  /// A VFIO device with dirty tracking.
  case vfioDirty = "a VFIO device whose IOMMU tracks dirty pages"
  /// A VFIO PCI function with a memory BAR.
  case memoryBAR = "a VFIO PCI function with a memory BAR"
  /// A VFIO PCI function whose memory BAR a program can have in its memory.
  case mappableBAR = "a memory BAR that can be mapped"
  /// A VFIO PCI function that shows ATS.
  case vfioATS = "a VFIO PCI function with ATS"
  /// A VFIO PCI function with MSI-X.
  case msix = "a VFIO PCI function with MSI-X"
  /// A VFIO PCI function with an interrupt kind that it has none of.
  case emptyInterrupt = "a VFIO PCI function that lacks an interrupt kind"
  /// A mediated VFIO device.
  case emulatedDevice = "an emulated VFIO device"
  /// A VF, and its PF on vfio-pci.
  case virtualFunction = "a VFIO virtual function"
  /// A VFIO group node to open.
  case groupNode = "a VFIO group node"
  /// A caller that may be refused memory.
  case memoryLimit = "a caller under a memory-lock limit"
  /// A caller with the sys-resource capability.
  case privileged = "a caller with the sys-resource capability"
  /// A caller without the sys-resource capability.
  case unprivileged = "a caller without the sys-resource capability"
}
