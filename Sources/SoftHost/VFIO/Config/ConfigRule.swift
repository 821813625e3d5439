/// How vfio-pci treats one register of config space: which bits it keeps a copy of, and which of
/// all bits take a write.
///
/// A bit that is not virtual is the device's own. A bit that is not writable drops what is written,
/// and the write is counted as done all the same.
package struct ConfigRule: Hashable, Sendable {
  /// The offset of the lowest byte, from the start of the capability or header.
  package let offset: Int
  /// The size in bytes: 1, 2 or 4.
  package let byteCount: Int
  /// The bits that the reader finds in the copy.
  package let virtual: UInt32
  /// The bits that a write changes.
  package let writable: UInt32

  /// Makes a rule.
  package init(_ offset: Int, _ byteCount: Int, virtual: UInt32 = 0, writable: UInt32 = 0) {
    self.offset = offset
    self.byteCount = byteCount
    self.virtual = virtual
    self.writable = writable
  }
}

/// How vfio-pci treats one kind of capability.
package struct CapabilityRule: Sendable {
  /// What writes do to the body.
  package enum Writes: Hashable, Sendable {
    /// They are dropped.
    case dropped
    /// They go to the device.
    case all
    /// They follow the rules of the registers; what no rule names is dropped.
    case registers([ConfigRule])
  }

  /// The bytes that the kernel takes for the capability's.
  package enum Length: Hashable, Sendable {
    /// Always as many.
    case fixed(Int)
    /// MSI: 10, and more with 64-bit addresses and per-vector masks.
    case msi
    /// PCI-X: 8, or 24 from version 1 on.
    case pciX
    /// Vendor specific, legacy list: the byte at 2.
    case vendorByte
    /// PCI Express: by version, and whether there is a link.
    case pciExpress
    /// HyperTransport: by the type of its block.
    case hyperTransport
    /// Serial ATA: 8, or 16 with inline registers.
    case sata
    /// VSEC, DVSEC: bits 31:20 of the second dword.
    case vendorField
    /// Virtual channels: the registers and the channel arbitration table.
    case virtualChannel
    /// Access control: 8 and the egress vector.
    case accessControl
    /// Resizable BAR: 8 bytes each.
    case resizableBAR
    /// Power allocation: one byte a substate.
    case dynamicPower
    /// TPH: with its steering table, when that is here.
    case steeringTags
  }

  /// The capability ID.
  package let id: UInt16
  /// How many bytes are the capability's.
  package let length: Length
  /// What writes do.
  package let writes: Writes

  init(_ id: UInt16, _ length: Length, _ writes: Writes = .dropped) {
    self.id = id
    self.length = length
    self.writes = writes
  }
}

/// vfio-pci's treatment of config space as tables (Linux 7.2, `vfio_pci_config.c`).
///
/// A capability that no table names is hidden.
package enum VFIOConfigRules {
  /// The row of a legacy capability, or `nil` when it is hidden.
  package static func legacy(_ id: UInt16) -> CapabilityRule? {
    legacyRows.first { $0.id == id }
  }

  /// The row of an extended capability, or `nil` when it is hidden.
  package static func extended(_ id: UInt16) -> CapabilityRule? {
    extendedRows.first { $0.id == id }
  }
}
