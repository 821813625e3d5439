package import SoftHost
import Hardware
import PCIe

/// What a host lacks that it could have: `--no-pasid`, `--pasid-bits`, `--no-nesting`.
package struct HostLimits: Hashable, Sendable {
  /// Whether the host enables devices' PASIDs.
  package var hasPASID: Bool
  /// The most PASID bits of the IOMMU; `nil` for what it has by itself.
  package var pasidBits: Int?
  /// Whether guests' page tables can be nested.
  package var hasNesting: Bool

  /// Describes what is there.
  package init(hasPASID: Bool = true, pasidBits: Int? = nil, hasNesting: Bool = true) {
    self.hasPASID = hasPASID
    self.pasidBits = pasidBits
    self.hasNesting = hasNesting
  }

  /// Takes away from a host what it shall lack.
  ///
  /// A unit without nesting is one whose registers say so, and fewer PASID bits are the unit's: what
  /// a device's own capability says stays, as on such hardware.
  package func apply(to host: inout HostDescription) {
    host.units = host.units.map { unit in
      switch unit {
      case .vtd(var registers):
        if let pasidBits { registers.extendedCapability[35...39] = UInt64(pasidBits - 1) }
        if !hasNesting { registers.extendedCapability[26] = false }
        if !hasPASID { registers.extendedCapability[40] = false }
        return .vtd(registers)
      case .smmuv3(var registers):
        if let pasidBits { registers.idr1 = registers.idr1 & ~(0x1F << 6) | UInt32(pasidBits) << 6 }
        if !hasPASID { registers.idr1 &= ~(0x1F << 6) }
        // Without a second stage nothing can be under a guest's tables.
        if !hasNesting { registers.idr0 &= ~1 }
        return .smmuv3(registers)
      }
    }
    if !hasPASID {
      for index in host.devices.indices { host.devices[index].enablesPASID = false }
    }
  }
}
