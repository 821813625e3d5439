/// The argument of `IOMMU_FAULT_QUEUE_ALLOC` (0x8E).
package struct FaultAllocArgument: WireStructure {
  package var size: UInt32 = 16
  package var flags: UInt32 = 0
  package var outID: UInt32 = 0
  package var outDescriptor: Int32 = 0

  package init() {}
}

/// `struct iommu_hwpt_pgfault`: one page request, as a fault queue is read.
package struct PageFaultRecord: WireStructure {
  package var flags: UInt32 = 0
  package var deviceID: UInt32 = 0
  package var pasid: UInt32 = 0
  package var groupID: UInt32 = 0
  package var permissions: UInt32 = 0
  package var reserved: UInt32 = 0
  package var address: UInt64 = 0
  package var length: UInt32 = 0
  package var cookie: UInt32 = 0

  package init() {}
}

/// `struct iommu_hwpt_page_response`: the answer to a group of page requests.
package struct PageResponseRecord: WireStructure {
  package var cookie: UInt32 = 0
  /// 0 is success, 1 invalid.
  package var code: UInt32 = 0

  package init() {}
}
