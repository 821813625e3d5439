/// The argument of `IOMMU_VIOMMU_ALLOC` (0x90).
package struct VIOMMUAllocArgument: WireStructure {
  package var size: UInt32 = 40
  package var flags: UInt32 = 0
  package var type: UInt32 = 0
  package var deviceID: UInt32 = 0
  package var hwptID: UInt32 = 0
  package var outID: UInt32 = 0
  package var dataLength: UInt32 = 0
  package var reserved: UInt32 = 0
  package var dataAddress: UInt64 = 0

  package init() {}
}

/// The argument of `IOMMU_VDEVICE_ALLOC` (0x91).
package struct VDeviceAllocArgument: WireStructure {
  package var size: UInt32 = 24
  package var viommuID: UInt32 = 0
  package var deviceID: UInt32 = 0
  package var outID: UInt32 = 0
  package var virtualID: UInt64 = 0

  package init() {}
}

/// The argument of `IOMMU_VEVENTQ_ALLOC` (0x93).
package struct VEventQueueAllocArgument: WireStructure {
  package var size: UInt32 = 32
  package var flags: UInt32 = 0
  package var viommuID: UInt32 = 0
  package var type: UInt32 = 0
  package var depth: UInt32 = 0
  package var outID: UInt32 = 0
  package var outDescriptor: Int32 = 0
  package var reserved: UInt32 = 0

  package init() {}
}

/// `struct iommufd_vevent_header`: stands before each event of an event queue.
package struct VEventHeader: WireStructure {
  package var flags: UInt32 = 0
  package var sequence: UInt32 = 0

  package init() {}
}

/// The argument of `IOMMU_HW_QUEUE_ALLOC` (0x94).
package struct HWQueueAllocArgument: WireStructure {
  package var size: UInt32 = 40
  package var flags: UInt32 = 0
  package var viommuID: UInt32 = 0
  package var type: UInt32 = 0
  package var index: UInt32 = 0
  package var outID: UInt32 = 0
  package var parentIOVA: UInt64 = 0
  package var length: UInt64 = 0

  package init() {}
}
