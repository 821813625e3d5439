/// Flags of `IOMMU_IOAS_MAP`, `MAP_FILE` and `COPY`.
public struct MapFlags: OptionSet, Hashable, Sendable {
  /// The bits as in the request.
  public let rawValue: UInt32

  /// Makes a set of the request's bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The caller chooses the IOVA.
  public static let fixedIOVA = Self(rawValue: 1)
  /// Devices may write.
  public static let writeable = Self(rawValue: 2)
  /// Devices may read.
  public static let readable = Self(rawValue: 4)
  /// All that Linux 7.2 knows.
  public static let known: Self = [.fixedIOVA, .writeable, .readable]
}

/// Flags of `IOMMU_HWPT_ALLOC`.
public struct HWPTFlags: OptionSet, Hashable, Sendable {
  /// The bits as in the request.
  public let rawValue: UInt32

  /// Makes a set of the request's bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The table can be the second stage under guests' tables.
  public static let nestParent = Self(rawValue: 1)
  /// Written pages are recorded.
  public static let dirtyTracking = Self(rawValue: 2)
  /// Faults go to the queue that `fault_id` names.
  public static let faultIDValid = Self(rawValue: 4)
  /// The table may be attached to PASIDs, and beside them.
  public static let pasid = Self(rawValue: 8)
  /// All that Linux 7.2 knows.
  public static let known: Self = [.nestParent, .dirtyTracking, .faultIDValid, .pasid]
}

/// Values of `data_type` in `IOMMU_HWPT_ALLOC`.
public enum HWPTDataType {
  /// No data: a table of the kernel's own.
  public static let none: UInt32 = 0
  /// ``VTdStage1``.
  public static let vtdStage1: UInt32 = 1
  /// ``SMMUv3Stage1``.
  public static let armSMMUv3: UInt32 = 2
}

/// Values of `data_type` in `IOMMU_HWPT_INVALIDATE`.
public enum InvalidateDataType {
  /// ``VTdInvalidation``.
  public static let vtdStage1: UInt32 = 0
  /// ``SMMUv3Invalidation``.
  public static let armSMMUv3: UInt32 = 1
}

/// Values of `out_data_type` in `IOMMU_GET_HW_INFO`.
public enum HardwareInfoType {
  /// Nothing is told.
  public static let none: UInt32 = 0
  /// ``VTdHardwareInfo``.
  public static let vtd: UInt32 = 1
  /// ``SMMUv3HardwareInfo``.
  public static let armSMMUv3: UInt32 = 2
}

/// Bits of `out_capabilities` in `IOMMU_GET_HW_INFO`.
public struct HardwareCapabilities: OptionSet, Hashable, Sendable {
  /// The bits as in the answer.
  public let rawValue: UInt64

  /// Makes a set of the answer's bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Dirty tracking works.
  public static let dirtyTracking = Self(rawValue: 1)
  /// Execute requests with PASID are enabled.
  public static let pasidExecute = Self(rawValue: 2)
  /// Privileged requests with PASID are enabled.
  public static let pasidPrivileged = Self(rawValue: 4)
  /// ATS cannot be used.
  public static let noATS = Self(rawValue: 8)
}

/// Values of `type` in `IOMMU_VIOMMU_ALLOC` and `IOMMU_VEVENTQ_ALLOC`.
public enum VIOMMUType {
  /// Refused.
  public static let none: UInt32 = 0
  /// A guest's SMMUv3.
  public static let armSMMUv3: UInt32 = 1
  /// Tegra241's command queues.
  public static let tegra241CMDQV: UInt32 = 2
}

/// Bits of a page request as a fault queue tells it.
public enum PageFaultBits {
  /// `flags`: the request names a PASID.
  public static let pasidValid: UInt32 = 1
  /// `flags`: the last request of its group.
  public static let lastPage: UInt32 = 2
  /// `perm`: read.
  public static let read: UInt32 = 1
  /// `perm`: write.
  public static let write: UInt32 = 2
  /// `perm`: execute.
  public static let execute: UInt32 = 4
  /// `perm`: privileged.
  public static let privileged: UInt32 = 8
}
