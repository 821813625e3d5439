/// The requests of `/dev/iommu`, by the low byte of their numbers (Linux 7.2, `linux/iommufd.h`).
public enum IOMMUFDRequest: UInt32, CaseIterable, Hashable, Sendable {
  /// `IOMMU_DESTROY`.
  case destroy = 0x80
  /// `IOMMU_IOAS_ALLOC`.
  case ioasAlloc
  /// `IOMMU_IOAS_ALLOW_IOVAS`.
  case ioasAllowIOVAs
  /// `IOMMU_IOAS_COPY`.
  case ioasCopy
  /// `IOMMU_IOAS_IOVA_RANGES`.
  case ioasIOVARanges
  /// `IOMMU_IOAS_MAP`.
  case ioasMap
  /// `IOMMU_IOAS_UNMAP`.
  case ioasUnmap
  /// `IOMMU_OPTION`.
  case option
  /// `IOMMU_VFIO_IOAS`.
  case vfioIOAS
  /// `IOMMU_HWPT_ALLOC`.
  case hwptAlloc
  /// `IOMMU_GET_HW_INFO`.
  case getHardwareInfo
  /// `IOMMU_HWPT_SET_DIRTY_TRACKING`.
  case setDirtyTracking
  /// `IOMMU_HWPT_GET_DIRTY_BITMAP`.
  case getDirtyBitmap
  /// `IOMMU_HWPT_INVALIDATE`.
  case hwptInvalidate
  /// `IOMMU_FAULT_QUEUE_ALLOC`.
  case faultQueueAlloc
  /// `IOMMU_IOAS_MAP_FILE`.
  case ioasMapFile
  /// `IOMMU_VIOMMU_ALLOC`.
  case viommuAlloc
  /// `IOMMU_VDEVICE_ALLOC`.
  case vdeviceAlloc
  /// `IOMMU_IOAS_CHANGE_PROCESS`.
  case ioasChangeProcess
  /// `IOMMU_VEVENTQ_ALLOC`.
  case veventqAlloc
  /// `IOMMU_HW_QUEUE_ALLOC`.
  case hwQueueAlloc

  /// The whole request number: Linux encodes neither direction nor size in these.
  public var number: UInt32 { 0x3B00 | rawValue }

  /// The structure's size in bytes, as Linux 7.2 knows it, and the least that a caller may give.
  public var sizes: (full: Int, minimum: Int) {
    switch self {
    case .destroy, .ioasChangeProcess: (8, 8)
    case .ioasAlloc, .vfioIOAS: (12, 12)
    case .setDirtyTracking, .faultQueueAlloc: (16, 16)
    case .ioasAllowIOVAs, .ioasUnmap, .option, .vdeviceAlloc: (24, 24)
    case .ioasIOVARanges, .hwptInvalidate: (32, 32)
    case .veventqAlloc: (32, 28)
    case .ioasCopy, .ioasMap, .ioasMapFile, .hwQueueAlloc: (40, 40)
    case .getHardwareInfo: (40, 32)
    case .viommuAlloc: (40, 24)
    case .hwptAlloc: (48, 24)
    case .getDirtyBitmap: (48, 48)
    }
  }

  /// The name in Linux's header.
  public var name: String {
    switch self {
    case .destroy: "IOMMU_DESTROY"
    case .ioasAlloc: "IOMMU_IOAS_ALLOC"
    case .ioasAllowIOVAs: "IOMMU_IOAS_ALLOW_IOVAS"
    case .ioasCopy: "IOMMU_IOAS_COPY"
    case .ioasIOVARanges: "IOMMU_IOAS_IOVA_RANGES"
    case .ioasMap: "IOMMU_IOAS_MAP"
    case .ioasUnmap: "IOMMU_IOAS_UNMAP"
    case .option: "IOMMU_OPTION"
    case .vfioIOAS: "IOMMU_VFIO_IOAS"
    case .hwptAlloc: "IOMMU_HWPT_ALLOC"
    case .getHardwareInfo: "IOMMU_GET_HW_INFO"
    case .setDirtyTracking: "IOMMU_HWPT_SET_DIRTY_TRACKING"
    case .getDirtyBitmap: "IOMMU_HWPT_GET_DIRTY_BITMAP"
    case .hwptInvalidate: "IOMMU_HWPT_INVALIDATE"
    case .faultQueueAlloc: "IOMMU_FAULT_QUEUE_ALLOC"
    case .ioasMapFile: "IOMMU_IOAS_MAP_FILE"
    case .viommuAlloc: "IOMMU_VIOMMU_ALLOC"
    case .vdeviceAlloc: "IOMMU_VDEVICE_ALLOC"
    case .ioasChangeProcess: "IOMMU_IOAS_CHANGE_PROCESS"
    case .veventqAlloc: "IOMMU_VEVENTQ_ALLOC"
    case .hwQueueAlloc: "IOMMU_HW_QUEUE_ALLOC"
    }
  }
}
