extension CapabilityCatalogue {
  /// The kinds of the legacy list; the row of an ID is at that index.
  public static let legacy: [CapabilityKind] = [
    .init(0x00, "Null", "Null capability", .fixed(2), hidden: true),
    .init(0x01, "PM", "Power Management", .fixed(8)),
    .init(0x02, "AGP", "Accelerated Graphics Port", .fixed(12)),
    .init(0x03, "VPD", "Vital Product Data", .fixed(8)),
    .init(0x04, "SlotID", "Slot Identification", .fixed(4), hidden: true),
    .init(0x05, "MSI", "Message Signalled Interrupts", .msi),
    .init(0x06, "CHSWP", "CompactPCI Hot Swap", .fixed(4), hidden: true),
    .init(0x07, "PCI-X", "PCI-X", .pciX),
    .init(0x08, "HT", "HyperTransport", .hyperTransport),
    .init(0x09, "VNDR", "Vendor Specific", .vendorByte),
    .init(0x0A, "DBG", "Debug Port", .fixed(4), hidden: true),
    .init(0x0B, "CCRC", "CompactPCI Resource Control", .unknown, hidden: true),
    .init(0x0C, "SHPC", "Hot-Plug Controller", .fixed(8), hidden: true),
    .init(0x0D, "SSVID", "Bridge Subsystem ID", .fixed(8), hidden: true),
    .init(0x0E, "AGP3", "AGP Target PCI-PCI Bridge", .unknown, hidden: true),
    .init(0x0F, "Secure", "Secure Device", .unknown, hidden: true),
    .init(0x10, "PCIe", "PCI Express", .pciExpress),
    .init(0x11, "MSI-X", "MSI-X", .fixed(12)),
    .init(0x12, "SATA", "Serial ATA", .sata),
    .init(0x13, "AF", "Advanced Features", .fixed(6)),
    .init(0x14, "EA", "Enhanced Allocation", .enhancedAllocation, hidden: true),
    .init(0x15, "FPB", "Flattening Portal Bridge", .unknown, hidden: true),
  ]
}
