/// The argument of `VFIO_GROUP_GET_STATUS` (0x3B67).
package struct GroupStatusArgument: WireStructure {
  package var argumentSize: UInt32 = 8
  /// 1 is VIABLE, 2 is CONTAINER_SET.
  package var flags: UInt32 = 0

  package init() {}
}

/// The argument of `VFIO_GROUP_SET_CONTAINER` (0x3B68): a container's or an iommufd's descriptor.
package struct GroupContainerArgument: WireStructure {
  package var descriptor: Int32 = 0

  package init() {}
}
