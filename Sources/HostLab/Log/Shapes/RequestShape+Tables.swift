import HostABI

extension RequestShape {
  /// Shapes of requests on page tables, queues and guests' IOMMUs.
  static func tableShape(of request: IOMMUFDRequest) -> RequestShape {
    let name = request.name
    switch request {
    case .hwptAlloc:
      return RequestShape(
        name, HWPTAllocArgument.self,
        [
          FieldShape("size", \HWPTAllocArgument.size, .plumbing),
          FieldShape("dev_id", \HWPTAllocArgument.deviceID, .object, label: "for"),
          FieldShape("pt_id", \HWPTAllocArgument.parentID, .object, label: "on"),
          FieldShape(
            "flags", \HWPTAllocArgument.flags, .flags(FieldNames.hwpt), label: "", hidesZero: true),
          FieldShape("out_hwpt_id", \HWPTAllocArgument.outID, .created, .answered),
          FieldShape(
            "data_type", \HWPTAllocArgument.dataType, .choice(FieldNames.hwptData),
            label: "data", hidesZero: true),
          FieldShape(
            "data_len", \HWPTAllocArgument.dataLength, .number, label: "bytes", hidesZero: true),
          FieldShape(
            "data_uptr", \HWPTAllocArgument.dataAddress, .address, label: "at", hidesZero: true),
          FieldShape(
            "fault_id", \HWPTAllocArgument.faultID, .object, label: "faults to", neededFlags: 4),
        ])
    case .getHardwareInfo:
      return RequestShape(
        name, HardwareInfoArgument.self,
        [
          FieldShape("size", \HardwareInfoArgument.size, .plumbing),
          FieldShape(
            "flags", \HardwareInfoArgument.flags, .flags(FieldNames.hardwareInfoFlags), label: "",
            hidesZero: true),
          FieldShape("dev_id", \HardwareInfoArgument.deviceID, .object, label: ""),
          FieldShape("data_len", \HardwareInfoArgument.dataLength, .number, .both, label: "bytes"),
          FieldShape(
            "data_uptr", \HardwareInfoArgument.dataAddress, .address, label: "into",
            hidesZero: true),
          FieldShape(
            "out_data_type", \HardwareInfoArgument.dataType, .choice(FieldNames.hardwareInfo),
            .answered, label: ""),
          FieldShape(
            "out_max_pasid_log2", \HardwareInfoArgument.outMaxPASIDLog2, .number, .answered,
            label: "PASID bits"),
          FieldShape(
            "out_capabilities", \HardwareInfoArgument.outCapabilities,
            .flags(FieldNames.hardwareCapabilities), .answered, label: "", hidesZero: true),
        ])
    case .setDirtyTracking:
      return RequestShape(
        name, SetDirtyTrackingArgument.self,
        [
          FieldShape("size", \SetDirtyTrackingArgument.size, .plumbing),
          FieldShape("hwpt_id", \SetDirtyTrackingArgument.hwptID, .object, label: ""),
          FieldShape(
            "flags", \SetDirtyTrackingArgument.flags, .flags(FieldNames.dirtyTracking), label: ""),
        ])
    case .getDirtyBitmap:
      return RequestShape(
        name, GetDirtyBitmapArgument.self,
        [
          FieldShape("size", \GetDirtyBitmapArgument.size, .plumbing),
          FieldShape("hwpt_id", \GetDirtyBitmapArgument.hwptID, .object, label: ""),
          FieldShape("iova", \GetDirtyBitmapArgument.iova, .hex),
          FieldShape("length", \GetDirtyBitmapArgument.length, .byteCount, label: ""),
          FieldShape("page_size", \GetDirtyBitmapArgument.pageSize, .byteCount, label: "pages of"),
          FieldShape("data", \GetDirtyBitmapArgument.bitmap, .address, label: "into"),
          FieldShape(
            "flags", \GetDirtyBitmapArgument.flags, .flags(FieldNames.dirty), label: "",
            hidesZero: true),
        ])
    case .hwptInvalidate:
      return RequestShape(
        name, InvalidateArgument.self,
        [
          FieldShape("size", \InvalidateArgument.size, .plumbing),
          FieldShape("hwpt_id", \InvalidateArgument.hwptID, .object, label: ""),
          FieldShape(
            "data_type", \InvalidateArgument.dataType, .choice(FieldNames.invalidateData),
            label: ""),
          FieldShape("entry_num", \InvalidateArgument.entryCount, .number, .both, label: "entries"),
          FieldShape("entry_len", \InvalidateArgument.entryLength, .number, label: "of bytes"),
          FieldShape("data_uptr", \InvalidateArgument.dataAddress, .address, label: "at"),
        ])
    case .faultQueueAlloc:
      return RequestShape(
        name, FaultAllocArgument.self,
        [
          FieldShape("size", \FaultAllocArgument.size, .plumbing),
          FieldShape("flags", \FaultAllocArgument.flags, .flags([]), hidesZero: true),
          FieldShape("out_fault_id", \FaultAllocArgument.outID, .created, .answered),
          FieldShape(
            "out_fault_fd", \FaultAllocArgument.outDescriptor, .descriptor, .answered, label: ""),
        ])
    default: return virtualShape(of: request)
    }
  }

  private static func virtualShape(of request: IOMMUFDRequest) -> RequestShape {
    let name = request.name
    switch request {
    case .viommuAlloc:
      return RequestShape(
        name, VIOMMUAllocArgument.self,
        [
          FieldShape("size", \VIOMMUAllocArgument.size, .plumbing),
          FieldShape(
            "flags", \VIOMMUAllocArgument.flags, .flags([]), label: "flags", hidesZero: true),
          FieldShape(
            "type", \VIOMMUAllocArgument.type, .choice(FieldNames.viommu), label: ""),
          FieldShape("dev_id", \VIOMMUAllocArgument.deviceID, .object, label: "for"),
          FieldShape("hwpt_id", \VIOMMUAllocArgument.hwptID, .object, label: "on"),
          FieldShape("out_viommu_id", \VIOMMUAllocArgument.outID, .created, .answered),
          FieldShape(
            "data_len", \VIOMMUAllocArgument.dataLength, .number, label: "bytes", hidesZero: true),
          FieldShape(
            "data_uptr", \VIOMMUAllocArgument.dataAddress, .address, label: "at", hidesZero: true),
        ])
    case .vdeviceAlloc:
      return RequestShape(
        name, VDeviceAllocArgument.self,
        [
          FieldShape("size", \VDeviceAllocArgument.size, .plumbing),
          FieldShape("viommu_id", \VDeviceAllocArgument.viommuID, .object, label: "in"),
          FieldShape("dev_id", \VDeviceAllocArgument.deviceID, .object, label: "for"),
          FieldShape("out_vdevice_id", \VDeviceAllocArgument.outID, .created, .answered),
          FieldShape("virt_id", \VDeviceAllocArgument.virtualID, .hex, label: "virtual id"),
        ])
    case .veventqAlloc:
      return RequestShape(
        name, VEventQueueAllocArgument.self,
        [
          FieldShape("size", \VEventQueueAllocArgument.size, .plumbing),
          FieldShape("flags", \VEventQueueAllocArgument.flags, .flags([]), hidesZero: true),
          FieldShape("viommu_id", \VEventQueueAllocArgument.viommuID, .object, label: "of"),
          FieldShape(
            "type", \VEventQueueAllocArgument.type, .choice(FieldNames.viommu), label: ""),
          FieldShape("veventq_depth", \VEventQueueAllocArgument.depth, .number, label: "depth"),
          FieldShape("out_veventq_id", \VEventQueueAllocArgument.outID, .created, .answered),
          FieldShape(
            "out_veventq_fd", \VEventQueueAllocArgument.outDescriptor, .descriptor, .answered,
            label: ""),
        ])
    case .hwQueueAlloc:
      return RequestShape(
        name, HWQueueAllocArgument.self,
        [
          FieldShape("size", \HWQueueAllocArgument.size, .plumbing),
          FieldShape("flags", \HWQueueAllocArgument.flags, .flags([]), hidesZero: true),
          FieldShape("viommu_id", \HWQueueAllocArgument.viommuID, .object, label: "of"),
          FieldShape("type", \HWQueueAllocArgument.type, .choice(FieldNames.viommu), label: ""),
          FieldShape("index", \HWQueueAllocArgument.index, .number),
          FieldShape("out_hw_queue_id", \HWQueueAllocArgument.outID, .created, .answered),
          FieldShape("nesting_parent_iova", \HWQueueAllocArgument.parentIOVA, .hex, label: "iova"),
          FieldShape("length", \HWQueueAllocArgument.length, .byteCount, label: ""),
        ])
    default: return RequestShape(name)
    }
  }
}
