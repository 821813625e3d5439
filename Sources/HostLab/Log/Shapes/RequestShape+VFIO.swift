import HostABI

extension RequestShape {
  /// The shapes of a VFIO device's requests.
  static let device: [VFIODeviceRequest: RequestShape] = Dictionary(
    uniqueKeysWithValues: VFIODeviceRequest.allCases.map { ($0, shape(of: $0)) })

  private static func shape(of request: VFIODeviceRequest) -> RequestShape {
    let name = request.name
    switch request {
    case .getInfo:
      return RequestShape(
        name, DeviceInfoArgument.self,
        [
          FieldShape("argsz", \DeviceInfoArgument.argumentSize, .plumbing),
          FieldShape(
            "flags", \DeviceInfoArgument.flags, .flags(FieldNames.deviceInfo), .answered, label: ""),
          FieldShape(
            "num_regions", \DeviceInfoArgument.regionCount, .number, .answered, label: "regions"),
          FieldShape("num_irqs", \DeviceInfoArgument.irqCount, .number, .answered, label: "irqs"),
        ])
    case .getRegionInfo:
      return RequestShape(
        name, RegionInfoArgument.self,
        [
          FieldShape("argsz", \RegionInfoArgument.argumentSize, .plumbing),
          FieldShape(
            "index", \RegionInfoArgument.index, .choice(FieldNames.region), label: ""),
          FieldShape(
            "flags", \RegionInfoArgument.flags, .flags(FieldNames.regionInfo), .answered,
            label: "", hidesZero: true),
          FieldShape("size", \RegionInfoArgument.byteCount, .byteCount, .answered, label: ""),
          FieldShape(
            "offset", \RegionInfoArgument.offset, .hex, .answered, label: "at", hidesZero: true),
        ])
    case .getIRQInfo:
      return RequestShape(
        name, IRQInfoArgument.self,
        [
          FieldShape("argsz", \IRQInfoArgument.argumentSize, .plumbing),
          FieldShape("index", \IRQInfoArgument.index, .choice(FieldNames.irq), label: ""),
          FieldShape(
            "flags", \IRQInfoArgument.flags, .flags(FieldNames.irqInfo), .answered, label: "",
            hidesZero: true),
          FieldShape("count", \IRQInfoArgument.count, .number, .answered),
        ])
    case .setIRQs:
      return RequestShape(
        name, SetIRQsHeader.self,
        [
          FieldShape("argsz", \SetIRQsHeader.argumentSize, .plumbing),
          FieldShape("index", \SetIRQsHeader.index, .choice(FieldNames.irq), label: ""),
          FieldShape("flags", \SetIRQsHeader.flags, .flags(FieldNames.setIRQs), label: ""),
          FieldShape("start", \SetIRQsHeader.start, .number, label: "from"),
          FieldShape("count", \SetIRQsHeader.count, .number),
        ])
    case .feature:
      return RequestShape(
        name, FeatureHeader.self,
        [
          FieldShape("argsz", \FeatureHeader.argumentSize, .plumbing),
          // The low half names the feature, the rest what to do: the decoder takes it apart.
          FieldShape("flags", \FeatureHeader.flags, .hex, label: ""),
        ])
    case .getHotResetInfo:
      return RequestShape(
        name, HotResetInfoHeader.self,
        [
          FieldShape("argsz", \HotResetInfoHeader.argumentSize, .plumbing),
          FieldShape("count", \HotResetInfoHeader.count, .number, .answered, label: "devices"),
        ])
    case .hotReset:
      return RequestShape(
        name, HotResetHeader.self,
        [
          FieldShape("argsz", \HotResetHeader.argumentSize, .plumbing),
          FieldShape("count", \HotResetHeader.count, .number, label: "groups"),
        ])
    case .reset: return RequestShape(name)
    case .ioEventFD:
      return RequestShape(
        name, IOEventFDArgument.self,
        [
          FieldShape("argsz", \IOEventFDArgument.argumentSize, .plumbing),
          FieldShape("flags", \IOEventFDArgument.flags, .flags(FieldNames.ioEvent), label: "bits"),
          FieldShape("offset", \IOEventFDArgument.offset, .hex, label: "at"),
          FieldShape("data", \IOEventFDArgument.data, .hex),
          FieldShape("fd", \IOEventFDArgument.descriptor, .descriptor, label: ""),
        ])
    case .bindIOMMUFD:
      return RequestShape(
        name, BindArgument.self,
        [
          FieldShape("argsz", \BindArgument.argumentSize, .plumbing),
          FieldShape(
            "flags", \BindArgument.flags, .flags(FieldNames.bind), label: "", hidesZero: true),
          FieldShape("iommufd", \BindArgument.iommufd, .descriptor, label: "to"),
          FieldShape("out_devid", \BindArgument.outDeviceID, .created, .answered),
        ])
    case .attach:
      return RequestShape(
        name, AttachArgument.self,
        [
          FieldShape("argsz", \AttachArgument.argumentSize, .plumbing),
          FieldShape(
            "flags", \AttachArgument.flags, .flags(FieldNames.attach), label: "", hidesZero: true),
          FieldShape("pt_id", \AttachArgument.tableID, .object, .both, label: "to"),
          FieldShape("pasid", \AttachArgument.pasid, .number, label: "PASID", neededFlags: 1),
        ])
    case .detach:
      return RequestShape(
        name, DetachArgument.self,
        [
          FieldShape("argsz", \DetachArgument.argumentSize, .plumbing),
          FieldShape(
            "flags", \DetachArgument.flags, .flags(FieldNames.attach), label: "", hidesZero: true),
          FieldShape("pasid", \DetachArgument.pasid, .number, label: "PASID", neededFlags: 1),
        ])
    }
  }

  /// The shapes of a container's requests.
  static let container: [VFIOContainerRequest: RequestShape] = [
    .getAPIVersion: RequestShape("VFIO_GET_API_VERSION"),
    .checkExtension: RequestShape("VFIO_CHECK_EXTENSION"),
    .setIOMMU: RequestShape("VFIO_SET_IOMMU"),
    .getInfo: RequestShape(
      "VFIO_IOMMU_GET_INFO", ContainerInfoArgument.self,
      [
        FieldShape("argsz", \ContainerInfoArgument.argumentSize, .plumbing),
        FieldShape(
          "flags", \ContainerInfoArgument.flags, .flags(FieldNames.containerInfo), .answered,
          label: "", hidesZero: true),
        FieldShape(
          "iova_pgsizes", \ContainerInfoArgument.pageSizes, .hex, .answered, label: "page sizes"),
      ]),
    .mapDMA: RequestShape(
      "VFIO_IOMMU_MAP_DMA", ContainerMapArgument.self,
      [
        FieldShape("argsz", \ContainerMapArgument.argumentSize, .plumbing),
        FieldShape("iova", \ContainerMapArgument.iova, .hex),
        FieldShape("size", \ContainerMapArgument.byteCount, .byteCount, label: ""),
        FieldShape("vaddr", \ContainerMapArgument.userAddress, .address, label: "at"),
        FieldShape(
          "flags", \ContainerMapArgument.flags, .flags(FieldNames.containerMap), label: ""),
      ]),
    .unmapDMA: RequestShape(
      "VFIO_IOMMU_UNMAP_DMA", ContainerUnmapArgument.self,
      [
        FieldShape("argsz", \ContainerUnmapArgument.argumentSize, .plumbing),
        FieldShape(
          "flags", \ContainerUnmapArgument.flags, .flags(FieldNames.containerUnmap), label: "",
          hidesZero: true),
        FieldShape("iova", \ContainerUnmapArgument.iova, .hex),
        FieldShape("size", \ContainerUnmapArgument.byteCount, .byteCount, .both, label: ""),
      ]),
  ]
}
