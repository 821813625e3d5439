import HostABI

/// A guest's IOMMU as the host's driver knows it (`VIOMMU`).
final class VirtualIOMMU: HostObject {
  unowned let context: IOMMUContext
  let type: UInt32
  let unit: IOMMUUnit
  /// The table that guests' tables rest on.
  let parent: PagingHWPT
  /// Devices by the guest's numbers.
  var devices: [UInt64: VirtualDevice] = [:]
  /// Queues of events, one of a type.
  var queues: [EventQueue] = []
  /// What tags translations of all guests' tables in it, as a VMID does.
  let tag: UInt32
  /// Hardware queues by their index.
  var hardwareQueues: [UInt32: HardwareQueue] = [:]

  init(
    id: UInt32, context: IOMMUContext, type: UInt32, unit: IOMMUUnit, parent: PagingHWPT,
    tag: UInt32
  ) {
    self.context = context
    self.type = type
    self.unit = unit
    self.parent = parent
    self.tag = tag
    super.init(id: id)
  }

  func tearDown() { parent.uses -= 1 }
}

/// A device as a guest's IOMMU knows it (`VDEVICE`).
final class VirtualDevice: HostObject {
  let viommu: VirtualIOMMU
  /// The device; it may go away before this object does.
  weak var device: DeviceObject?
  /// The guest's number: a StreamID for SMMUv3.
  let virtualID: UInt64

  init(id: UInt32, viommu: VirtualIOMMU, device: DeviceObject, virtualID: UInt64) {
    self.viommu = viommu
    self.device = device
    self.virtualID = virtualID
    super.init(id: id)
  }

  func tearDown() {
    viommu.devices[virtualID] = nil
    viommu.uses -= 1
    device?.vdevice = nil
  }
}

/// A queue in guest memory that hardware serves (`HW_QUEUE`).
final class HardwareQueue: HostObject {
  let viommu: VirtualIOMMU
  let index: UInt32
  /// The mappings that the queue lies in, by first address.
  let areas: [UInt64]

  init(id: UInt32, viommu: VirtualIOMMU, index: UInt32, areas: [UInt64]) {
    self.viommu = viommu
    self.index = index
    self.areas = areas
    super.init(id: id)
  }

  func tearDown() throws(LinuxErrno) {
    try viommu.unit.driver.endHardwareQueue(self)
    for start in areas { viommu.parent.ioas.update(start) { $0.queues -= 1 } }
    viommu.hardwareQueues[index] = nil
    viommu.uses -= 1
  }
}
