import HostABI

extension RequestShape {
  /// The shapes of a VFIO group's requests.
  static let group: [VFIOGroupRequest: RequestShape] = [
    .getStatus: RequestShape(
      VFIOGroupRequest.getStatus.name, GroupStatusArgument.self,
      [
        FieldShape("argsz", \GroupStatusArgument.argumentSize, .plumbing),
        FieldShape(
          "flags", \GroupStatusArgument.flags, .flags(FieldNames.groupStatus), .answered, label: ""),
      ]),
    .setContainer: RequestShape(
      VFIOGroupRequest.setContainer.name, GroupContainerArgument.self,
      [FieldShape("fd", \GroupContainerArgument.descriptor, .descriptor, label: "to")]),
    .unsetContainer: RequestShape(VFIOGroupRequest.unsetContainer.name),
    // The name of the device is text; the decoder reads it.
    .getDeviceFD: RequestShape(VFIOGroupRequest.getDeviceFD.name),
  ]
}
