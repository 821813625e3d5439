import PCIe
import TestSupport
import Testing

// PCI Local Bus Specification 3.0 section 6.7 and the specifications it names.
@Suite("Lengths of legacy capabilities")
struct LegacyLengthTests {
  @Test("every kind", arguments: fixed + computed)
  func length(_ row: LengthCase) {
    #expect(row.legacyLength() == row.length)
  }

  @Test("every ID of the catalogue has a case")
  func complete() {
    let covered = Set((Self.fixed + Self.computed).map(\.id))
    #expect(covered == Set(CapabilityCatalogue.legacy.map(\.id)))
  }

  @Test("Enhanced Allocation has a second header dword in a bridge")
  func allocationOfBridge() {
    #expect(LengthCase(0x14, 8, [0: 0]).legacyLength(headerType: 1) == 8)
    #expect(LengthCase(0x14, 20, [0: 1 << 16, 8: 2]).legacyLength(headerType: 1) == 20)
  }

  private static let fixed: [LengthCase] = [
    .init(0x00, 2), .init(0x01, 8), .init(0x02, 12), .init(0x03, 8), .init(0x04, 4),
    .init(0x06, 4), .init(0x0A, 4), .init(0x0B, nil), .init(0x0C, 8), .init(0x0D, 8),
    .init(0x0E, nil), .init(0x0F, nil), .init(0x11, 12), .init(0x13, 6), .init(0x15, nil),
  ]

  private static let computed: [LengthCase] =
    [
      // MSI, Message Control bit 7: 64-bit address, bit 8: per-vector masks.
      .init(0x05, 10, [0: 0]), .init(0x05, 14, [0: 1 << 23]), .init(0x05, 20, [0: 1 << 24]),
      .init(0x05, 24, [0: 1 << 23 | 1 << 24]), .init(0x05, 10, [0: 0xFE7F_0000]),
      // PCI-X, command bits 13:12.
      .init(0x07, 8, [0: 0]), .init(0x07, 24, [0: 1 << 28]), .init(0x07, 24, [0: 2 << 28]),
      .init(0x07, 24, [0: 3 << 28]), .init(0x07, 8, [0: 0xCFFF_0000]),
      // HyperTransport, the top three bits of byte 3.
      .init(0x08, 28, [0: 0]), .init(0x08, 28, [0: 0x1FFF_0000]), .init(0x08, 24, [0: 0x2000_0000]),
      .init(0x08, 24, [0: 0x4000_0000]), .init(0x08, 24, [0: 0x8000_0000]),
      // Vendor-specific: the byte at 2 counts itself, ID and pointer.
      .init(0x09, nil, [0: 0]), .init(0x09, nil, [0: 2 << 16]), .init(0x09, 3, [0: 3 << 16]),
      .init(0x09, 0x18, [0: 0x18 << 16]), .init(0x09, 0x60, [0: 0x60 << 16]),
      // One that would end past 0xff is not believed.
      .init(0x09, nil, [0: 0x61 << 16]), .init(0x09, nil, [0: 0xFF << 16]),
      // SATA: registers follow inline.
      .init(0x12, 8, [4: 0]), .init(0x12, 8, [4: 0xFFFF_FFF4]), .init(0x12, 16, [4: 0xF]),
      // Enhanced Allocation: a count, then the size of each entry.
      .init(0x14, 4, [0: 0]), .init(0x14, 8, [0: 1 << 16]), .init(0x14, 24, [0: 1 << 16, 4: 4]),
      .init(0x14, 4 + 12 + 20, [0: 2 << 16, 4: 2, 16: 0xFFFF_FF04]),
      .init(0x14, 4, [0: 0xFFC0_0000]), .init(0x14, nil, [0: 0x3F << 16]),
      .init(0x14, nil, [0: 3 << 16, 4: 7, 36: 7, 68: 7]),
    ] + expressTypes

  // PCI Express Base Specification 7.5.3: version in bits 3:0, type in 7:4, slot in bit 8.
  private static let expressTypes: [LengthCase] = {
    var rows: [LengthCase] = []
    func add(_ version: UInt32, _ types: [UInt32], _ length: Int, slot: Int) {
      for type in types {
        rows.append(.init(0x10, length, [0: (version | type << 4) << 16]))
        rows.append(.init(0x10, slot, [0: (version | type << 4 | 1 << 8) << 16]))
      }
    }
    // Endpoints, legacy endpoints, upstream, downstream, bridges; then those with fewer or more.
    add(1, [0, 1, 5, 6, 7, 8], 0x14, slot: 0x1C)
    add(1, [9], 0x0C, slot: 0x0C)
    add(1, [4, 0xA], 0x24, slot: 0x24)
    for version: UInt32 in [2, 3] {
      add(version, [0, 1, 5, 7], 0x34, slot: 0x3C)
      add(version, [4, 6, 8, 0xA], 0x3C, slot: 0x3C)
      add(version, [9], 0x2C, slot: 0x2C)
    }
    return rows
  }()
}
