import HostABI

extension RequestShape {
  /// The shapes of `/dev/iommu`'s requests.
  static let iommufd: [IOMMUFDRequest: RequestShape] = Dictionary(
    uniqueKeysWithValues: IOMMUFDRequest.allCases.map { ($0, shape(of: $0)) })

  private static func shape(of request: IOMMUFDRequest) -> RequestShape {
    let name = request.name
    switch request {
    case .destroy:
      return RequestShape(
        name, DestroyArgument.self,
        [
          FieldShape("size", \DestroyArgument.size, .plumbing),
          FieldShape("id", \DestroyArgument.id, .object, label: ""),
        ])
    case .ioasAlloc:
      return RequestShape(
        name, IOASAllocArgument.self,
        [
          FieldShape("size", \IOASAllocArgument.size, .plumbing),
          FieldShape("flags", \IOASAllocArgument.flags, .flags([]), hidesZero: true),
          FieldShape("out_ioas_id", \IOASAllocArgument.outID, .created, .answered),
        ])
    case .ioasAllowIOVAs:
      return RequestShape(
        name, AllowIOVAsArgument.self,
        [
          FieldShape("size", \AllowIOVAsArgument.size, .plumbing),
          FieldShape("ioas_id", \AllowIOVAsArgument.ioasID, .object, label: ""),
          FieldShape("num_iovas", \AllowIOVAsArgument.count, .number, label: "ranges"),
          FieldShape("allowed_iovas", \AllowIOVAsArgument.ranges, .address, label: "from"),
        ])
    case .ioasCopy:
      return RequestShape(
        name, IOASCopyArgument.self,
        [
          FieldShape("size", \IOASCopyArgument.size, .plumbing),
          FieldShape("flags", \IOASCopyArgument.flags, .flags(FieldNames.map), label: ""),
          FieldShape("dst_ioas_id", \IOASCopyArgument.destinationID, .object, label: "into"),
          FieldShape("src_ioas_id", \IOASCopyArgument.sourceID, .object, label: "from"),
          FieldShape("length", \IOASCopyArgument.length, .byteCount, label: ""),
          FieldShape("dst_iova", \IOASCopyArgument.destinationIOVA, .hex, .both, label: "to iova"),
          FieldShape("src_iova", \IOASCopyArgument.sourceIOVA, .hex, label: "from iova"),
        ])
    case .ioasIOVARanges:
      return RequestShape(
        name, IOVARangesArgument.self,
        [
          FieldShape("size", \IOVARangesArgument.size, .plumbing),
          FieldShape("ioas_id", \IOVARangesArgument.ioasID, .object, label: ""),
          FieldShape("num_iovas", \IOVARangesArgument.count, .number, .both, label: "ranges"),
          FieldShape(
            "allowed_iovas", \IOVARangesArgument.ranges, .address, label: "into", hidesZero: true),
          FieldShape(
            "out_iova_alignment", \IOVARangesArgument.outAlignment, .byteCount, .answered,
            label: "alignment", hidesZero: true),
        ])
    case .ioasMap:
      return RequestShape(
        name, IOASMapArgument.self,
        [
          FieldShape("size", \IOASMapArgument.size, .plumbing),
          FieldShape("ioas_id", \IOASMapArgument.ioasID, .object, label: ""),
          FieldShape("iova", \IOASMapArgument.iova, .hex, .both),
          FieldShape("length", \IOASMapArgument.length, .byteCount, label: ""),
          FieldShape("user_va", \IOASMapArgument.userAddress, .address, label: "at"),
          FieldShape("flags", \IOASMapArgument.flags, .flags(FieldNames.map), label: ""),
        ])
    case .ioasMapFile:
      return RequestShape(
        name, IOASMapFileArgument.self,
        [
          FieldShape("size", \IOASMapFileArgument.size, .plumbing),
          FieldShape("ioas_id", \IOASMapFileArgument.ioasID, .object, label: ""),
          FieldShape("iova", \IOASMapFileArgument.iova, .hex, .both),
          FieldShape("length", \IOASMapFileArgument.length, .byteCount, label: ""),
          FieldShape("fd", \IOASMapFileArgument.descriptor, .descriptor, label: ""),
          FieldShape("start", \IOASMapFileArgument.start, .hex, label: "from"),
          FieldShape("flags", \IOASMapFileArgument.flags, .flags(FieldNames.map), label: ""),
        ])
    case .ioasUnmap:
      return RequestShape(
        name, IOASUnmapArgument.self,
        [
          FieldShape("size", \IOASUnmapArgument.size, .plumbing),
          FieldShape("ioas_id", \IOASUnmapArgument.ioasID, .object, label: ""),
          FieldShape("iova", \IOASUnmapArgument.iova, .hex),
          FieldShape("length", \IOASUnmapArgument.length, .byteCount, .both, label: ""),
        ])
    case .vfioIOAS:
      return RequestShape(
        name, VFIOIOASArgument.self,
        [
          FieldShape("size", \VFIOIOASArgument.size, .plumbing),
          FieldShape(
            "op", \VFIOIOASArgument.operation, .choice(FieldNames.vfioIOASOperation), label: ""),
          FieldShape(
            "ioas_id", \VFIOIOASArgument.ioasID, .object, .both, label: "", hidesZero: true),
        ])
    case .ioasChangeProcess:
      return RequestShape(
        name, ChangeProcessArgument.self,
        [FieldShape("size", \ChangeProcessArgument.size, .plumbing)])
    case .option:
      return RequestShape(
        name, OptionArgument.self,
        [
          FieldShape("size", \OptionArgument.size, .plumbing),
          FieldShape(
            "op", \OptionArgument.operation, .choice(FieldNames.optionOperation), label: ""),
          FieldShape(
            "option_id", \OptionArgument.optionID, .choice(FieldNames.option), label: ""),
          FieldShape(
            "object_id", \OptionArgument.objectID, .object, label: "of", hidesZero: true),
          FieldShape("val64", \OptionArgument.value, .number, .both, label: "value"),
        ])
    default: return tableShape(of: request)
    }
  }
}
