import HostABI

/// A guest's IOMMU as the host's driver knows it (`VIOMMU`).
final class VirtualIOMMU: HostObject {
  let context: IOMMUContext
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
  /// Memory that the driver shares with the guest.
  var driverMemory: DriverMemory?

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

  override var isMapped: Bool { driverMemory?.isMapped ?? false }

  func tearDown() {
    parent.uses -= 1
    if let driverMemory { context.remove(driverMemory) }
  }
}

/// A device as a guest's IOMMU knows it (`VDEVICE`).
final class VirtualDevice: HostObject {
  let viommu: VirtualIOMMU
  /// The device; none when it went away before this object.
  var device: DeviceObject?
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
    device = nil
  }
}

/// A queue in guest memory that hardware serves (`HW_QUEUE`).
final class HardwareQueue: HostObject {
  let viommu: VirtualIOMMU
  let index: UInt32
  /// The queue that must stay as long as this one.
  let previous: HardwareQueue?
  /// The kernel's own use of the guest's memory, with a number of its own.
  private let access: AccessObject
  private let pages: HeldPages

  init(
    id: UInt32, viommu: VirtualIOMMU, index: UInt32, previous: HardwareQueue?,
    access: AccessObject, pages: HeldPages
  ) {
    self.viommu = viommu
    self.index = index
    self.previous = previous
    self.access = access
    self.pages = pages
    super.init(id: id)
    previous?.uses += 1
    viommu.hardwareQueues[index] = self
    viommu.uses += 1
  }

  func tearDown(in context: IOMMUContext) {
    viommu.hardwareQueues[index] = nil
    viommu.uses -= 1
    previous?.uses -= 1
    pages.space.release(pages)
    access.detach()
    context.remove(access.id)
  }
}
