/// The test interface of Linux's mock IOMMU: one request on `/dev/iommu` with many operations.
///
/// A kernel that is built with the iommufd self-test answers it (Linux 7.2,
/// `drivers/iommu/iommufd/iommufd_test.h`). It makes devices without hardware and looks into page
/// tables, so that PASIDs, faults, nesting and vIOMMUs can be tried anywhere.
public enum MockRequest {
  /// `IOMMU_TEST_CMD`.
  public static let number: UInt32 = 0x3BA0
  /// The structure's size in bytes.
  public static let byteCount = 72
  /// The least size that a caller may give.
  public static let minimumByteCount = 68
}

/// What one mock request does (`op`).
public enum MockOperation: UInt32, CaseIterable, Hashable, Sendable {
  /// `IOMMU_TEST_OP_ADD_RESERVED`.
  case addReserved = 1
  /// `IOMMU_TEST_OP_MOCK_DOMAIN`.
  case makeDevice
  /// `IOMMU_TEST_OP_MD_CHECK_MAP`.
  case checkMap
  /// `IOMMU_TEST_OP_MD_CHECK_REFS`.
  case checkReferences
  /// `IOMMU_TEST_OP_CREATE_ACCESS`.
  case makeAccess
  /// `IOMMU_TEST_OP_DESTROY_ACCESS_PAGES`.
  case unpinAccess
  /// `IOMMU_TEST_OP_ACCESS_PAGES`.
  case pinAccess
  /// `IOMMU_TEST_OP_ACCESS_RW`.
  case copyAccess
  /// `IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT`.
  case setMemoryLimit
  /// `IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE`.
  case replaceTable
  /// `IOMMU_TEST_OP_ACCESS_REPLACE_IOAS`.
  case replaceAccessIOAS
  /// `IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS`.
  case makeDeviceWithFlags
  /// `IOMMU_TEST_OP_DIRTY`.
  case markDirty
  /// `IOMMU_TEST_OP_MD_CHECK_IOTLB`.
  case checkIOTLB
  /// `IOMMU_TEST_OP_TRIGGER_IOPF`.
  case triggerFault
  /// `IOMMU_TEST_OP_DEV_CHECK_CACHE`.
  case checkDeviceCache
  /// `IOMMU_TEST_OP_TRIGGER_VEVENT`.
  case triggerEvent
  /// `IOMMU_TEST_OP_PASID_ATTACH`.
  case attachPASID
  /// `IOMMU_TEST_OP_PASID_REPLACE`.
  case replacePASID
  /// `IOMMU_TEST_OP_PASID_DETACH`.
  case detachPASID
  /// `IOMMU_TEST_OP_PASID_CHECK_HWPT`.
  case checkPASID
  /// `IOMMU_TEST_OP_DMABUF_GET`.
  case makeBuffer
  /// `IOMMU_TEST_OP_DMABUF_REVOKE`.
  case revokeBuffer
}
