package import HostABI

/// Data of a vendor, as a request points at it.
package struct VendorData {
  package var type: UInt32
  package var bytes: [UInt8]

  package init(_ type: UInt32, _ bytes: [UInt8]) {
    self.type = type
    self.bytes = bytes
  }

  /// A mock table: its IOTLB entries, and its kind.
  package static func mock(_ iotlb: UInt32 = MockIOMMU.iotlbEntry, kind: UInt32 = 0) -> Self {
    Self(MockType.tableData, iotlb.littleEndianBytes + kind.littleEndianBytes)
  }
}

extension Context {
  /// `IOMMU_HWPT_ALLOC`.
  package func hwpt(
    _ device: UInt32, on parent: UInt32, _ flags: HWPTFlags = [], data: VendorData? = nil,
    fault: UInt32 = 0
  ) throws(LinuxErrno) -> UInt32 {
    let address = data == nil ? 0 : try bench.stored(data?.bytes ?? [])
    return try send(.hwptAlloc, HWPTAllocArgument.self) {
      $0.flags = flags.rawValue
      $0.deviceID = device
      $0.parentID = parent
      $0.dataType = data?.type ?? 0
      $0.dataLength = UInt32(data?.bytes.count ?? 0)
      $0.dataAddress = address
      $0.faultID = fault
    }.outID
  }

  /// `IOMMU_GET_HW_INFO` with room for data.
  package func hardwareInfo(
    _ device: UInt32, room: Int = 64, type: UInt32? = nil
  ) throws(LinuxErrno) -> (answer: HardwareInfoArgument, data: [UInt8]) {
    let address = try bench.stored([UInt8](repeating: 0xA5, count: max(room, 1)))
    let answer = try send(.getHardwareInfo, HardwareInfoArgument.self) {
      $0.flags = type == nil ? 0 : 1
      $0.deviceID = device
      $0.dataLength = UInt32(room)
      $0.dataAddress = address
      $0.dataType = type ?? 0
    }
    return (answer, try bench.kernel.load(address, room))
  }

  /// `IOMMU_HWPT_SET_DIRTY_TRACKING`.
  package func trackDirty(_ hwpt: UInt32, _ enable: Bool) throws(LinuxErrno) {
    _ = try send(.setDirtyTracking, SetDirtyTrackingArgument.self) {
      $0.flags = enable ? 1 : 0
      $0.hwptID = hwpt
    }
  }

  /// `IOMMU_HWPT_GET_DIRTY_BITMAP` into 64 fresh bytes, or into bytes that are there already.
  package func dirty(
    _ hwpt: UInt32, _ iova: UInt64, _ length: UInt64, page: UInt64 = 4096, keep: Bool = false,
    over bytes: [UInt8] = [UInt8](repeating: 0, count: 64)
  ) throws(LinuxErrno) -> [UInt8] {
    let address = try bench.stored(bytes)
    _ = try send(.getDirtyBitmap, GetDirtyBitmapArgument.self) {
      $0.hwptID = hwpt
      $0.flags = keep ? 1 : 0
      $0.iova = iova
      $0.length = length
      $0.pageSize = page
      $0.bitmap = address
    }
    return try bench.kernel.load(address, bytes.count)
  }

  /// `IOMMU_HWPT_INVALIDATE`; the errno, if any, and how many entries were done.
  package func invalidate(
    _ hwpt: UInt32, type: UInt32, entryLength: UInt32, count: UInt32, _ bytes: [UInt8]
  ) -> (errno: LinuxErrno?, done: UInt32) {
    var argument = InvalidateArgument {
      $0.hwptID = hwpt
      $0.dataType = type
      $0.entryLength = entryLength
      $0.entryCount = count
    }
    do {
      argument.dataAddress = bytes.isEmpty ? 0 : try bench.stored(bytes)
      try send(.hwptInvalidate, &argument)
      return (nil, argument.entryCount)
    } catch {
      return (error, argument.entryCount)
    }
  }

  /// `IOMMU_FAULT_QUEUE_ALLOC`.
  package func faultQueue() throws(LinuxErrno) -> (id: UInt32, descriptor: Int32) {
    let answer = try send(.faultQueueAlloc, FaultAllocArgument.self) { _ in }
    bench.adopt(answer.outDescriptor)
    return (answer.outID, answer.outDescriptor)
  }

  /// `IOMMU_VIOMMU_ALLOC`.
  package func viommu(
    _ device: UInt32, on hwpt: UInt32, type: UInt32 = MockType.viommu, data: [UInt8] = []
  ) throws(LinuxErrno) -> UInt32 {
    let address = data.isEmpty ? 0 : try bench.stored(data)
    return try send(.viommuAlloc, VIOMMUAllocArgument.self) {
      $0.type = type
      $0.deviceID = device
      $0.hwptID = hwpt
      $0.dataLength = UInt32(data.count)
      $0.dataAddress = address
    }.outID
  }

  /// `IOMMU_VDEVICE_ALLOC`.
  package func vdevice(
    _ device: UInt32, in viommu: UInt32, as virtualID: UInt64
  ) throws(LinuxErrno) -> UInt32 {
    try send(.vdeviceAlloc, VDeviceAllocArgument.self) {
      $0.viommuID = viommu
      $0.deviceID = device
      $0.virtualID = virtualID
    }.outID
  }

  /// `IOMMU_VEVENTQ_ALLOC`.
  package func eventQueue(
    _ viommu: UInt32, type: UInt32 = MockType.eventQueue, depth: UInt32 = 8
  ) throws(LinuxErrno) -> (id: UInt32, descriptor: Int32) {
    let answer = try send(.veventqAlloc, VEventQueueAllocArgument.self) {
      $0.viommuID = viommu
      $0.type = type
      $0.depth = depth
    }
    bench.adopt(answer.outDescriptor)
    return (answer.outID, answer.outDescriptor)
  }

  /// `IOMMU_HW_QUEUE_ALLOC`.
  package func hwQueue(
    _ viommu: UInt32, _ index: UInt32, _ iova: UInt64, _ length: UInt64,
    type: UInt32 = MockType.hwQueue
  ) throws(LinuxErrno) -> UInt32 {
    try send(.hwQueueAlloc, HWQueueAllocArgument.self) {
      $0.viommuID = viommu
      $0.type = type
      $0.index = index
      $0.parentIOVA = iova
      $0.length = length
    }.outID
  }
}
