import Hardware
import IOMMU
import PCIe

extension HostState {
  /// Builds what a description says; its numbers were checked.
  convenience init(
    _ description: HostDescription, _ translations: [TranslationUnit], _ endpoints: [Endpoint]
  ) {
    var units: [IOMMUUnit] = []
    for (index, unit) in description.units.enumerated() {
      let driver: any UnitDriver =
        switch unit {
        case .vtd(let registers): VTdDriver(registers, foreign: translations[index].foreign)
        case .smmuv3(let registers): SMMUv3Driver(registers, foreign: translations[index].foreign)
        }
      units.append(IOMMUUnit(index: index, driver: driver, translation: translations[index]))
    }
    let groups = description.devices.map(\.group)
    self.init(
      units: units,
      mock: description.answersMockRequests
        ? MockHost(unitIndex: units.count, firstGroup: (groups.max() ?? -1) &+ 1) : nil)
    var physical: [PhysicalDevice?] = []
    var nodes: [VFIONode] = []
    for (index, device) in description.devices.enumerated() {
      let parent = device.parent.flatMap { physical[$0] }
      var function = VFIOFunction(device.function)
      let above = device.parent.map { nodes[$0] }
      guard let number = device.unit else {
        physical.append(nil)
        nodes.append(
          VFIONode(
            index: index, device: nil, function: function, address: device.address, parent: above))
        continue
      }
      let made = PhysicalDevice(
        index: index, unit: units[number], group: group(device.group), parent: parent,
        endpoint: endpoints[index],
        facts: DeviceFacts(device, parent: device.parent.map { description.devices[$0] }),
        reservedRanges: [])
      physical.append(made)
      add(made)
      // What the host's IOMMU driver turned on when it first saw the function.
      if made.maxPASIDs > 0 { function.setPASIDControl(made.pasidControl) }
      if made.canUseATS { function.setATS(true) }
      if made.isPRIEnabled { function.setPRI(true) }
      nodes.append(
        VFIONode(
          index: index, device: made, function: function, address: device.address, parent: above))
    }
    for node in nodes { add(node) }
  }
}

extension DeviceFacts {
  /// What Linux reads of a function's capabilities; a VF has its physical function's PASIDs.
  init(_ device: DeviceDescription, parent: DeviceDescription?) {
    let config = device.function.config
    let pasid = Self.offset(of: 0x1B, in: (parent ?? device).function.config)
    if let pasid, device.enablesPASID {
      let capability = PASIDCapability(
        register: (parent ?? device).function.config.read16(pasid + 4))
      maxPASIDs = 1 << UInt32(capability.width)
      // The host enables all that the capability offers.
      pasidControl = PASIDControl(rawValue: capability.controlBits | PASIDCapability.enable)
    }
    hasATS = Self.offset(of: 0x0F, in: config) != nil
    hasPRI = Self.offset(of: 0x13, in: (parent ?? device).function.config) != nil
    isPRIEnabled = hasPRI && hasATS && device.enablesPRI && parent == nil
  }

  /// Where an extended capability is.
  private static func offset(of id: UInt16, in config: ConfigSpace) -> Int? {
    config.walkCapabilities().extended.first { $0.id == id }?.offset
  }
}
