package import PCIe

/// An IOMMU of a software host.
public enum UnitDescription: Sendable {
  /// A VT-d unit.
  case vtd(VTdRegisters)
  /// An SMMUv3.
  case smmuv3(SMMUv3Registers)

  /// Whether requests with PASID 0 are translated as those of the RID.
  var ridIsPASIDZero: Bool {
    switch self {
    case .vtd(let registers): registers.hasPASIDs
    case .smmuv3: false
    }
  }
}

/// A device of a software host, with a node under `/dev/vfio/devices`.
package struct DeviceDescription: Sendable {
  /// The function.
  package var function: FunctionDescription
  /// Where it is.
  package var address: PCIAddress
  /// The unit behind which it stands, by number; `nil` for an emulated device without an IOMMU.
  package var unit: Int?
  /// The IOMMU group; devices of one group cannot be kept apart.
  package var group: Int
  /// The physical function of a VF, by its number among the devices.
  package var parent: Int?
  /// Whether the host enabled the function's PASIDs, for a VF its physical function's.
  package var enablesPASID: Bool
  /// Whether the host enabled page requests.
  package var enablesPRI: Bool

  /// Describes a device.
  package init(
    _ function: FunctionDescription, at address: PCIAddress, behind unit: Int? = 0, group: Int,
    parent: Int? = nil, enablesPASID: Bool = true, enablesPRI: Bool = true
  ) {
    self.function = function
    self.address = address
    self.unit = unit
    self.group = group
    self.parent = parent
    self.enablesPASID = enablesPASID
    self.enablesPRI = enablesPRI
  }
}

/// What a software host consists of.
package struct HostDescription: Sendable {
  /// IOMMUs, by number.
  package var units: [UnitDescription]
  /// Devices; the node of the n-th is `/dev/vfio/devices/vfioN`.
  package var devices: [DeviceDescription]
  /// Whether the mock-device requests of the kernel's self-tests are answered.
  package var answersMockRequests: Bool
  /// Whether units compare each cached translation that they use with the tables.
  package var isStrict: Bool

  /// Describes a host.
  package init(
    units: [UnitDescription], devices: [DeviceDescription], answersMockRequests: Bool = false,
    isStrict: Bool = false
  ) {
    self.units = units
    self.devices = devices
    self.answersMockRequests = answersMockRequests
    self.isStrict = isStrict
  }
}
