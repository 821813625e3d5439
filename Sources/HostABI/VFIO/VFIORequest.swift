/// The requests of a VFIO device descriptor (Linux 7.2, `linux/vfio.h`), by their whole numbers.
public enum VFIODeviceRequest: UInt32, CaseIterable, Hashable, Sendable {
  /// `VFIO_DEVICE_GET_INFO`.
  case getInfo = 0x3B6B
  /// `VFIO_DEVICE_GET_REGION_INFO`.
  case getRegionInfo = 0x3B6C
  /// `VFIO_DEVICE_GET_IRQ_INFO`.
  case getIRQInfo = 0x3B6D
  /// `VFIO_DEVICE_SET_IRQS`.
  case setIRQs = 0x3B6E
  /// `VFIO_DEVICE_RESET`.
  case reset = 0x3B6F
  /// `VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`.
  case getHotResetInfo = 0x3B70
  /// `VFIO_DEVICE_PCI_HOT_RESET`.
  case hotReset = 0x3B71
  /// `VFIO_DEVICE_IOEVENTFD`.
  case ioEventFD = 0x3B74
  /// `VFIO_DEVICE_FEATURE`.
  case feature = 0x3B75
  /// `VFIO_DEVICE_BIND_IOMMUFD`.
  case bindIOMMUFD = 0x3B76
  /// `VFIO_DEVICE_ATTACH_IOMMUFD_PT`.
  case attach = 0x3B77
  /// `VFIO_DEVICE_DETACH_IOMMUFD_PT`.
  case detach = 0x3B78

  /// The whole request number.
  public var number: UInt32 { rawValue }

  /// The name in Linux's header.
  public var name: String {
    switch self {
    case .getInfo: "VFIO_DEVICE_GET_INFO"
    case .getRegionInfo: "VFIO_DEVICE_GET_REGION_INFO"
    case .getIRQInfo: "VFIO_DEVICE_GET_IRQ_INFO"
    case .setIRQs: "VFIO_DEVICE_SET_IRQS"
    case .reset: "VFIO_DEVICE_RESET"
    case .getHotResetInfo: "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO"
    case .hotReset: "VFIO_DEVICE_PCI_HOT_RESET"
    case .ioEventFD: "VFIO_DEVICE_IOEVENTFD"
    case .feature: "VFIO_DEVICE_FEATURE"
    case .bindIOMMUFD: "VFIO_DEVICE_BIND_IOMMUFD"
    case .attach: "VFIO_DEVICE_ATTACH_IOMMUFD_PT"
    case .detach: "VFIO_DEVICE_DETACH_IOMMUFD_PT"
    }
  }
}

/// The requests of a VFIO container that an iommufd context answers too.
public enum VFIOContainerRequest: UInt32, CaseIterable, Hashable, Sendable {
  /// `VFIO_GET_API_VERSION`.
  case getAPIVersion = 0x3B64
  /// `VFIO_CHECK_EXTENSION`.
  case checkExtension = 0x3B65
  /// `VFIO_SET_IOMMU`.
  case setIOMMU = 0x3B66
  /// `VFIO_IOMMU_GET_INFO`.
  case getInfo = 0x3B70
  /// `VFIO_IOMMU_MAP_DMA`.
  case mapDMA = 0x3B71
  /// `VFIO_IOMMU_UNMAP_DMA`.
  case unmapDMA = 0x3B72
}

/// The requests of a VFIO group's descriptor (Linux 7.2, `linux/vfio.h`), by their whole numbers.
public enum VFIOGroupRequest: UInt32, CaseIterable, Hashable, Sendable {
  /// `VFIO_GROUP_GET_STATUS`.
  case getStatus = 0x3B67
  /// `VFIO_GROUP_SET_CONTAINER`.
  case setContainer = 0x3B68
  /// `VFIO_GROUP_UNSET_CONTAINER`.
  case unsetContainer = 0x3B69
  /// `VFIO_GROUP_GET_DEVICE_FD`.
  case getDeviceFD = 0x3B6A

  /// The name in Linux's header.
  public var name: String {
    switch self {
    case .getStatus: "VFIO_GROUP_GET_STATUS"
    case .setContainer: "VFIO_GROUP_SET_CONTAINER"
    case .unsetContainer: "VFIO_GROUP_UNSET_CONTAINER"
    case .getDeviceFD: "VFIO_GROUP_GET_DEVICE_FD"
    }
  }
}
