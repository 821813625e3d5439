/// Facts of the mock IOMMU's page tables and devices.
public enum MockIOMMU {
  /// The smallest page of a default table, half a page of the processor.
  public static let pageSize: UInt64 = 2048
  /// The page of a table of the huge kind.
  public static let hugePageSize: UInt64 = 512 * 2048
  /// The first address of a default table.
  public static let apertureStart: UInt64 = 1 << 24
  /// The last address of a default table.
  public static let apertureLast: UInt64 = (1 << 31) - 1
  /// A device with PASIDs has this many bits of them.
  public static let pasidWidth = 20
  /// Every second attach of this PASID fails `ENOMEM`, so that a failing driver can be tried.
  public static let failingPASID: UInt32 = 1024
  /// Entries of a nested table's IOTLB, and of a device's cache.
  public static let cacheEntryCount: UInt32 = 4
  /// What a device's cache entries hold at first.
  public static let cacheEntry: UInt32 = 0xBA_DDAD
  /// What the kernel's own tests give a nested table's IOTLB at first.
  public static let iotlbEntry: UInt32 = 0xBAD_BEEF
  /// Hardware queues of a vIOMMU.
  public static let hwQueueCount: UInt32 = 2
  /// What the register of ``MockHardwareInfo`` reads.
  public static let registerValue: UInt32 = 0xDEAD_BEEF
}

/// Flags of a mock device.
public struct MockDeviceFlags: OptionSet, Hashable, Sendable {
  /// The bits as in the request.
  public let rawValue: UInt32

  /// Makes a set of the request's bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The device's IOMMU tracks no dirty pages.
  public static let noDirtyTracking = Self(rawValue: 1)
  /// The device has PASIDs.
  public static let pasid = Self(rawValue: 4)
  /// All that Linux 7.2 knows.
  public static let known: Self = [.noDirtyTracking, .pasid]
}

/// Type numbers that only the mock IOMMU serves.
public enum MockType {
  /// `data_type` of `IOMMU_HWPT_ALLOC`: ``MockTableData``.
  public static let tableData: UInt32 = 0xDEAD
  /// `data_type` of `IOMMU_HWPT_INVALIDATE` on a nested table: ``MockInvalidation``.
  public static let invalidation: UInt32 = 0xDEAD_BEEF
  /// A type that the mock refuses.
  public static let invalidInvalidation: UInt32 = 0xDAD_BEEF
  /// `out_data_type` of `IOMMU_GET_HW_INFO`: ``MockHardwareInfo``.
  public static let hardwareInfo: UInt32 = 0xFEED_BEEF
  /// `type` of `IOMMU_VIOMMU_ALLOC`: ``MockVIOMMUData``.
  public static let viommu: UInt32 = 0xDEAD_BEEF
  /// `data_type` of `IOMMU_HWPT_INVALIDATE` on a vIOMMU: ``MockVIOMMUInvalidation``.
  public static let viommuInvalidation: UInt32 = 0xDEAD_BEEF
  /// `type` of `IOMMU_VEVENTQ_ALLOC`: ``MockEvent``.
  public static let eventQueue: UInt32 = 0xBEEF_BEEF
  /// `type` of `IOMMU_HW_QUEUE_ALLOC`.
  public static let hwQueue: UInt32 = 0xDEAD_BEEF
}

/// Kinds of page tables in ``MockTableData``.
public enum MockTableKind {
  /// Pages of every power of two from 2 KiB, inside the mock's aperture.
  public static let standard: UInt32 = 0
  /// Pages of 4 KiB and 1 MiB, no aperture.
  public static let huge: UInt32 = 1
}

/// Flag bits of the mock's operations.
public enum MockBits {
  /// ``MockAccessArgument``: the access will pin pages.
  public static let accessNeedsPins: UInt32 = 1
  /// ``MockPinArgument``: the pages are written.
  public static let pinWrite: UInt32 = 1
  /// ``MockCopyArgument``: copies into the mapping.
  public static let copyWrite: UInt32 = 1
  /// ``MockCopyArgument``: by way of pinned pages.
  public static let copySlowly: UInt32 = 4
  /// ``MockPinArgument``, ``MockCopyArgument``: the address is the number of a mapping and an offset.
  public static let mappingNumber: UInt32 = 1 << 16
  /// ``MockInvalidation``, ``MockVIOMMUInvalidation``: every entry.
  public static let invalidateAll: UInt32 = 1
}
