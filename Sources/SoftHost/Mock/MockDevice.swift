import HostABI

/// What the mock unit's driver keeps of a device.
final class MockDevice {
  /// Words that stand for what the device itself has cached.
  var cache = Array(repeating: MockIOMMU.cacheEntry, count: Int(MockIOMMU.cacheEntryCount))
  /// Whether the next attach of ``MockIOMMU/failingPASID`` fails.
  var failsNext = false
  /// The vIOMMU of the RID's table; the table keeps it.
  weak var viommu: VirtualIOMMU?
  /// The device's number in the vIOMMU, as it was when the RID came to it.
  var virtualID: UInt64 = 0
}

/// The holder of a mock device in a context's table of objects: it stands for the program that
/// would have the device open.
final class MockObject: HostObject {
  let device: DeviceObject
  /// The device's group, which nobody else keeps.
  let group: IOMMUGroup

  init(id: UInt32, device: DeviceObject, group: IOMMUGroup) {
    self.device = device
    self.group = group
    super.init(id: id)
  }

  /// Unplugs the device.
  ///
  /// Linux 7.2 detaches the RID only, and goes on to use freed memory when PASIDs are attached; here
  /// they are detached first.
  func tearDown(in context: IOMMUContext) {
    for pasid in device.attachments.pasids { device.detach(pasid: pasid) }
    device.detach(pasid: 0)
    context.unbind(device)
    context.host.mock?.unplug(group)
  }
}
