import Hardware
package import SoftHost

/// The IOMMU of a host as a user asks for it, with what it is to lack.
package struct UnitChoice: Hashable, Sendable {
  /// The specification that it follows.
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    /// Intel's VT-d.
    case vtd
    /// Arm's SMMUv3.
    case smmuv3
  }

  /// The specification that it follows.
  package var kind: Kind
  /// The bits of a PASID, 1 to 20; 0 for a unit without PASIDs.
  package var pasidBits = 20
  /// Whether guests' tables can be nested.
  package var nests = true

  /// Names a unit that has everything.
  package init(_ kind: Kind = .vtd) { self.kind = kind }

  /// The unit's description.
  package var description: UnitDescription {
    switch kind {
    case .vtd:
      var registers = VTdRegisters.server
      // ECAP: NEST, the PASID size less one, and PASID support.
      registers.extendedCapability[26] = nests
      registers.extendedCapability[40] = pasidBits > 0
      registers.extendedCapability[35...39] = UInt64(min(max(pasidBits, 1), 20) - 1)
      return .vtd(registers)
    case .smmuv3:
      var registers = SMMUv3Registers.server
      // IDR1.SSIDSIZE; nesting takes both stages, and hosts without it have stage 1.
      registers.idr1 = registers.idr1 & ~(0x1F << 6) | UInt32(min(max(pasidBits, 0), 20)) << 6
      if !nests { registers.idr0 &= ~1 }
      return .smmuv3(registers)
    }
  }
}
