extension VFIOConfigRules {
  /// The type 0 header, 0x00 to 0x3F; what no row names is the device's and drops writes.
  package static let header: [ConfigRule] = [
    .init(0x00, 4, virtual: .max),  // vendor and device ID
    .init(0x04, 2, virtual: 1 << 10, writable: 0xFFFF),  // command: INTx disable
    .init(0x06, 2, virtual: 1 << 4),  // status: capability list
    .init(0x0C, 1, writable: 0xFF),  // cache line size
    .init(0x0D, 1, writable: 0xFF),  // latency timer
    .init(0x0F, 1, writable: 0xFF),  // BIST
    .init(0x10, 4, virtual: .max, writable: .max),  // BARs
    .init(0x14, 4, virtual: .max, writable: .max),
    .init(0x18, 4, virtual: .max, writable: .max),
    .init(0x1C, 4, virtual: .max, writable: .max),
    .init(0x20, 4, virtual: .max, writable: .max),
    .init(0x24, 4, virtual: .max, writable: .max),
    .init(0x30, 4, virtual: .max, writable: .max),  // ROM
    .init(0x34, 1, virtual: 0xFF),  // capability pointer
    .init(0x3C, 1, virtual: 0xFF, writable: 0xFF),  // interrupt line
    .init(0x3D, 1, virtual: 0xFF),  // interrupt pin
  ]

  /// What a virtual function's header has besides: its memory decode is its physical function's.
  package static let virtualFunctionHeader: [ConfigRule] = [
    .init(0x04, 2, virtual: 1 << 1 | 1 << 10, writable: 0xFFFF)
  ]
}
