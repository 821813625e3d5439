/// The argument of `VFIO_DEVICE_GET_INFO` (0x3B6B).
package struct DeviceInfoArgument: WireStructure {
  package var argumentSize: UInt32 = 24
  package var flags: UInt32 = 0
  package var regionCount: UInt32 = 0
  package var irqCount: UInt32 = 0
  package var capabilityOffset: UInt32 = 0
  package var padding: UInt32 = 0

  package init() {}
}

/// The argument of `VFIO_DEVICE_GET_REGION_INFO` (0x3B6C).
package struct RegionInfoArgument: WireStructure {
  package var argumentSize: UInt32 = 32
  package var flags: UInt32 = 0
  package var index: UInt32 = 0
  package var capabilityOffset: UInt32 = 0
  package var byteCount: UInt64 = 0
  package var offset: UInt64 = 0

  package init() {}
}

/// The argument of `VFIO_DEVICE_GET_IRQ_INFO` (0x3B6D).
package struct IRQInfoArgument: WireStructure {
  package var argumentSize: UInt32 = 16
  package var flags: UInt32 = 0
  package var index: UInt32 = 0
  package var count: UInt32 = 0

  package init() {}
}

/// `struct vfio_info_cap_header`.
package struct CapabilityHeader: WireStructure {
  package var id: UInt16 = 0
  package var version: UInt16 = 0
  package var next: UInt32 = 0

  package init() {}
}

/// The fixed part of `VFIO_DEVICE_SET_IRQS` (0x3B6E); data follows.
package struct SetIRQsHeader: WireStructure {
  package var argumentSize: UInt32 = 20
  package var flags: UInt32 = 0
  package var index: UInt32 = 0
  package var start: UInt32 = 0
  package var count: UInt32 = 0

  package init() {}
}

/// The fixed part of `VFIO_DEVICE_FEATURE` (0x3B75); data follows.
package struct FeatureHeader: WireStructure {
  package var argumentSize: UInt32 = 8
  package var flags: UInt32 = 0

  package init() {}
}

/// The fixed part of `VFIO_DEVICE_GET_PCI_HOT_RESET_INFO` (0x3B70).
package struct HotResetInfoHeader: WireStructure {
  package var argumentSize: UInt32 = 12
  package var flags: UInt32 = 0
  package var count: UInt32 = 0

  package init() {}
}

/// `struct vfio_pci_dependent_device`, as a bound cdev reports it.
package struct HotResetDependent: WireStructure {
  package var deviceID: UInt32 = 0
  package var segment: UInt16 = 0
  package var bus: UInt8 = 0
  package var function: UInt8 = 0

  package init() {}
}

/// The fixed part of `VFIO_DEVICE_PCI_HOT_RESET` (0x3B71).
package struct HotResetHeader: WireStructure {
  package var argumentSize: UInt32 = 12
  package var flags: UInt32 = 0
  package var count: UInt32 = 0

  package init() {}
}

/// The argument of `VFIO_DEVICE_IOEVENTFD` (0x3B74).
package struct IOEventFDArgument: WireStructure {
  package var argumentSize: UInt32 = 32
  package var flags: UInt32 = 0
  package var offset: UInt64 = 0
  package var data: UInt64 = 0
  package var descriptor: Int32 = 0
  package var reserved: UInt32 = 0

  package init() {}
}
