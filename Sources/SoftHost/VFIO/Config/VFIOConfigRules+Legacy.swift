extension VFIOConfigRules {
  /// The capabilities of the legacy list that a VMM is shown.
  package static let legacyRows: [CapabilityRule] = [
    // PM: the kernel itself changes the state; PME is the host's affair.
    .init(
      0x01, .fixed(8),
      .registers([
        .init(2, 2, virtual: 0xF800),
        .init(4, 4, virtual: 0x8100, writable: ~0x8103),
      ])),
    .init(0x02, .fixed(12)),
    // VPD: the kernel reads and writes it on behalf of the user.
    .init(
      0x03, .fixed(8),
      .registers([
        .init(2, 2, virtual: 0xFFFF, writable: 0xFFFF),
        .init(4, 4, virtual: .max, writable: .max),
      ])),
    // MSI: ``msi(control:)`` has its registers.
    .init(0x05, .msi),
    .init(
      0x07, .pciX,
      .registers([.init(2, 2, writable: 0xFFFF), .init(8, 4, writable: .max)])),
    .init(0x08, .hyperTransport),
    .init(0x09, .vendorByte, .all),
    // PCI Express. Device Control: FLR, read request and payload size virtual, phantom functions
    // fixed. Device Control 2: ARI forwarding fixed.
    .init(
      0x10, .pciExpress,
      .registers([
        .init(0x08, 2, virtual: 0x8000 | 0x7000 | 0x00E0, writable: ~0x0200 & 0xFFFF),
        .init(0x28, 2, writable: ~0x0020 & 0xFFFF),
      ])),
    .init(0x11, .fixed(12)),
    .init(0x12, .sata),
    .init(0x13, .fixed(6), .registers([.init(4, 1, virtual: 1, writable: 1)])),
  ]

  /// The registers of an MSI capability with the given Message Control.
  package static func msi(control: UInt16) -> [ConfigRule] {
    let isWide = control >> 7 & 1 == 1
    var rules: [ConfigRule] = [
      .init(2, 1, virtual: 0xFF, writable: 0xFF),
      .init(4, 4, virtual: .max, writable: .max),
    ]
    if isWide { rules.append(.init(8, 4, virtual: .max, writable: .max)) }
    let data = isWide ? 12 : 8
    rules.append(.init(data, 2, virtual: 0xFFFF, writable: 0xFFFF))
    if control >> 8 & 1 == 1 {
      rules.append(.init(data + 4, 4, writable: .max))
      rules.append(.init(data + 8, 4, writable: .max))
    }
    return rules
  }
}
