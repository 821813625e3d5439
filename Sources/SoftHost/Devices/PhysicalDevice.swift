import HostABI
import Hardware
import IOMMU
import PCIe

/// A device of the host, whether or not anybody has it open.
final class PhysicalDevice {
  let index: Int
  let unit: IOMMUUnit
  let group: IOMMUGroup
  /// The physical function of a VF.
  let parent: PhysicalDevice?
  /// What makes the device's requests, and what they are translated with.
  let endpoint: Endpoint
  /// PASIDs that device and unit can both do, 0 for none; fixed when the host started.
  let maxPASIDs: UInt32
  /// What the host enabled of PASIDs; a VF shows its PF's.
  let pasidControl: PASIDControl
  /// Whether the device can use ATS here.
  let canUseATS: Bool
  /// Whether the function has page requests, enabled or not.
  let hasPRI: Bool
  /// Whether the host enabled page requests.
  let isPRIEnabled: Bool
  /// Whether the unit can track what this device writes.
  let tracksDirtyPages: Bool
  /// Addresses of the device's own that cannot be used for memory.
  let reservedRanges: [ClosedRange<UInt64>]
  /// Page requests whose group has not ended.
  var partialFaults: [PageFaultRecord] = []
  /// The most page requests that may wait for the end of their group.
  static let partialFaultLimit = 1 << 16
  /// The device's object while it is bound.
  var object: DeviceObject?

  init(
    index: Int, unit: IOMMUUnit, group: IOMMUGroup, parent: PhysicalDevice?, endpoint: Endpoint,
    facts: DeviceFacts, reservedRanges: [ClosedRange<UInt64>]
  ) {
    self.index = index
    self.unit = unit
    self.group = group
    self.parent = parent
    self.endpoint = endpoint
    maxPASIDs = min(facts.maxPASIDs, unit.driver.maxPASIDs)
    pasidControl = facts.pasidControl
    canUseATS = facts.hasATS && unit.driver.supportsATS
    hasPRI = facts.hasPRI
    isPRIEnabled = facts.isPRIEnabled
    tracksDirtyPages = facts.tracksDirtyPages
    self.reservedRanges = reservedRanges
  }
}

extension PhysicalDevice {
  /// Parks the device's DMA during a reset, and lets it go on after.
  func setResetting(_ isOn: Bool) {
    group.isResetting = isOn
    endpoint.setResetting(isOn)
  }
}

/// What an IOMMU driver found when it first saw a device.
struct DeviceFacts {
  /// 2 to the width in the PASID capability, of the PF for a VF; 0 without the capability.
  var maxPASIDs: UInt32 = 0
  var pasidControl = PASIDControl(rawValue: 0)
  var hasATS = false
  var hasPRI = false
  var isPRIEnabled = false
  var tracksDirtyPages = true
}

extension IOMMUGroup {
  /// Gives every device of the group a page table; PASIDs only to those that have any.
  func attach(_ pasid: UInt32, to table: PageTableObject, replacing old: PageTableObject?) {
    for device in devices where pasid == 0 || device.maxPASIDs > 0 {
      table.noteUse(by: device.unit.translation)
      device.endpoint.attach(pasid, table)
      device.unit.mock?.didChange(device, pasid, to: table)
      if let old { old.answerFaults(of: device.endpoint, pasid: pasid == 0 ? nil : pasid) }
    }
    // What the old table had translated must not answer for the new one.
    guard let old else { return }
    for device in devices { forget(pasid, old, device) }
    // Context descriptors of the old table may have been used with the new one until just now.
    if table.tag != old.tag, table is NestedHWPT { table.forgetAll() }
  }

  /// Takes a page table from every device of the group.
  func detach(_ pasid: UInt32, from table: PageTableObject) {
    for device in devices {
      device.endpoint.detach(pasid)
      device.unit.mock?.didChange(device, pasid, to: nil)
      table.answerFaults(of: device.endpoint, pasid: pasid == 0 ? nil : pasid)
      forget(pasid, table, device)
    }
  }

  /// Drops cached translations, and waits until requests that used them are over.
  private func forget(_ pasid: UInt32, _ table: PageTableObject, _ device: PhysicalDevice) {
    // The RID's translations were made for requests without a PASID.
    device.unit.translation.forget(
      tag: table.tag, pasid: pasid == 0 ? nil : PASID(rawValue: pasid),
      stream: UInt32(device.index))
  }
}
