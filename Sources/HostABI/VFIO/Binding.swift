/// The argument of `VFIO_DEVICE_BIND_IOMMUFD` (0x3B76).
package struct BindArgument: WireStructure {
  package var argumentSize: UInt32 = 24
  package var flags: UInt32 = 0
  package var iommufd: Int32 = 0
  package var outDeviceID: UInt32 = 0
  package var tokenAddress: UInt64 = 0

  package init() {}
}

/// The argument of `VFIO_DEVICE_ATTACH_IOMMUFD_PT` (0x3B77).
package struct AttachArgument: WireStructure {
  package var argumentSize: UInt32 = 16
  /// 1 is PASID.
  package var flags: UInt32 = 0
  /// An IOAS or HWPT on the way in, the HWPT on the way out.
  package var tableID: UInt32 = 0
  package var pasid: UInt32 = 0

  package init() {}
}

/// The argument of `VFIO_DEVICE_DETACH_IOMMUFD_PT` (0x3B78).
package struct DetachArgument: WireStructure {
  package var argumentSize: UInt32 = 12
  package var flags: UInt32 = 0
  package var pasid: UInt32 = 0

  package init() {}
}
