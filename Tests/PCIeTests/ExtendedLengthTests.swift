import PCIe
import TestSupport
import Testing

// PCI Express Base Specification 6.x, chapters 7.7 to 7.9.
@Suite("Lengths of extended capabilities")
struct ExtendedLengthTests {
  @Test("kinds of one length", arguments: fixed)
  func fixedLength(_ row: LengthCase) {
    #expect(row.extendedLength() == row.length)
    // Whatever the registers say.
    var noisy = row
    for offset in stride(from: 4, to: 64, by: 4) { noisy.registers[offset] = .max }
    #expect(noisy.extendedLength() == row.length)
  }

  @Test("kinds whose registers tell", arguments: computed)
  func computedLength(_ row: LengthCase) {
    #expect(row.extendedLength() == row.length)
  }

  @Test("kinds that depend on the link's width", arguments: lanes)
  func laneLength(_ row: LengthCase) {
    #expect(row.extendedLength() == row.length)
  }

  @Test("every ID of the catalogue has a case")
  func complete() {
    let covered = Set((Self.fixed + Self.computed + Self.lanes).map(\.id))
    #expect(covered == Set(CapabilityCatalogue.extended.map(\.id)))
  }

  private static let fixed: [LengthCase] = [
    .init(0x00, 4), .init(0x03, 12), .init(0x04, 16), .init(0x06, 12),
    .init(0x07, 8), .init(0x07, 12, version: 2), .init(0x07, 12, version: 3),
    .init(0x0A, 20), .init(0x0C, 8), .init(0x0E, 8), .init(0x0F, 8), .init(0x10, 0x40),
    .init(0x11, nil), .init(0x13, 16), .init(0x14, nil), .init(0x18, 8), .init(0x1B, 8),
    .init(0x1C, 8), .init(0x1E, 16), .init(0x1E, 20, version: 2), .init(0x1F, 12),
    .init(0x20, nil), .init(0x21, 16), .init(0x22, 12), .init(0x25, 12), .init(0x28, 0x20),
    .init(0x29, 16), .init(0x1A, nil), .init(0x2B, nil), .init(0x2C, nil), .init(0x2D, nil),
    .init(0x2E, 0x18), .init(0x2E, 0x18, version: 2), .init(0x2F, 16), .init(0x32, 0x3C),
    .init(0x33, nil), .init(0x34, 0x24), .init(0x35, nil), .init(0x37, nil), .init(0x38, 0x10),
    .init(0x39, nil), .init(0x3A, nil),
    // Multicast: ports have an overlay BAR.
    .init(0x12, 0x28), .init(0x12, 0x28, port: .init(type: 9)), .init(0x12, 0x28, port: .none),
    .init(0x12, 0x30, port: .init(type: 4)), .init(0x12, 0x30, port: .init(type: 5)),
    .init(0x12, 0x30, port: .init(type: 6)), .init(0x12, 0x28, port: .init(type: 7)),
  ]

  private static let computed: [LengthCase] =
    errors + channels + vendors + control + counts + containment + encryption

  // 7.8.4
  private static let errors: [LengthCase] = [
    .init(0x01, 0x2C), .init(0x01, 0x2C, port: .none), .init(0x01, 0x2C, port: .init(type: 5)),
    .init(0x01, 0x38, port: .init(type: 4)), .init(0x01, 0x38, port: .init(type: 0xA)),
    // A bridge to conventional PCI logs its secondary side's errors as well (XIO2001 data sheet).
    .init(0x01, 0x4C, port: .init(type: 7)), .init(0x01, 0x4C, port: .init(type: 8)),
    // The prefix log: bit 11 says that it holds something, Device Capabilities 2 that it exists.
    .init(0x01, 0x48, [0x18: 1 << 11]), .init(0x01, 0x48, port: .init(prefixes: true)),
    .init(0x01, 0x48, port: .init(type: 4), [0x18: 1 << 11]),
    // Version 1 has no Device Capabilities 2: those bytes are not its own.
    .init(0x01, 0x2C, port: .init(version: 1, prefixes: true)),
    // Flit mode: bit 18, and the log's dwords in 23:19; four of them are the header log's.
    .init(0x01, 0x48, [0x18: 1 << 18]), .init(0x01, 0x48, [0x18: 1 << 18 | 8 << 19]),
    .init(0x01, 0x4C, [0x18: 1 << 18 | 9 << 19]), .init(0x01, 0x60, [0x18: 1 << 18 | 14 << 19]),
    .init(0x01, 0x38 + 27 * 4, [0x18: 1 << 18 | 31 << 19]),
    // The other bits say nothing about the length.
    .init(0x01, 0x2C, [0x18: ~(1 << 11 | 1 << 18), 0x04: .max, 0x08: .max]),
  ]

  // 7.9.1: VC, MFVC, and VC where MFVC is.
  private static let channels: [LengthCase] = {
    var rows: [LengthCase] = []
    for id: UInt16 in [0x02, 0x08, 0x09] {
      for extra in 0..<8 as Range<UInt32> {
        let registers = 0x10 + 0x0C * (Int(extra) + 1)
        let rounded = (registers + 15) / 16 * 16
        rows.append(.init(id, registers, [4: extra]))
        rows.append(.init(id, registers, [4: extra | 0xFFFF_F3F8, 8: 0xFFFF_FFF1]))
        // The arbitration table: 32, 64 or 128 phases of four bits, the most that are supported.
        rows.append(.init(id, rounded + 16, [4: extra, 8: 0b0010]))
        rows.append(.init(id, rounded + 32, [4: extra, 8: 0b0100]))
        rows.append(.init(id, rounded + 32, [4: extra, 8: 0b0111]))
        rows.append(.init(id, rounded + 64, [4: extra, 8: 0b1000]))
        rows.append(.init(id, rounded + 64, [4: extra, 8: 0b1111]))
      }
      rows += portArbitration(id)
    }
    return rows
  }()

  // Resource capability: the table's offset in units of 16 bytes at 31:24, and in bits 5:1 which
  // round robins it serves; entries of 1, 2, 4, 8 bits by bits 11:10 of the first register.
  private static func portArbitration(_ id: UInt16) -> [LengthCase] {
    var rows: [LengthCase] = []
    for (bits, phases) in [(1, 0), (2, 32), (4, 64), (8, 128), (16, 128), (32, 256), (63, 256)] {
      for size in 0..<4 as Range<UInt32> {
        let end = 0x40 + phases * (1 << Int(size)) / 8
        rows.append(.init(id, end, [4: size << 10, 0x10: 4 << 24 | UInt32(bits)]))
        // Without a table the phases say nothing.
        rows.append(.init(id, 0x1C, [4: size << 10, 0x10: UInt32(bits)]))
      }
    }
    // The one that ends last counts, whichever channel has it; all ones is no register.
    rows.append(.init(id, 0x90, [4: 1, 0x10: 0x0800_0004, 0x1C: 0x0800_0008]))
    rows.append(.init(id, 0x90, [4: 1, 0x10: 0x0800_0008, 0x1C: 0x0800_0004]))
    rows.append(.init(id, 0x28, [4: 1, 0x10: .max, 0x1C: 0]))
    // A table that would end past 0xfff cannot be true.
    rows.append(.init(id, nil, [4: 3 << 10, 0x10: 0xF1 << 24 | 32]))
    return rows
  }

  // VSEC and DVSEC (7.9.5, 7.9.6): bits 31:20; the register block locator: 11:0.
  private static let vendors: [LengthCase] = [
    .init(0x0B, nil, [4: 0x0000_1234]), .init(0x0B, nil, [4: 7 << 20]),
    .init(0x0B, 8, [4: 8 << 20]),
    .init(0x0B, 0x10, [4: 0x0101_0002]), .init(0x0B, 0xE00, [4: 0xE00 << 20 | 0xFFFFF]),
    .init(0x0B, nil, [4: 0xE01 << 20]), .init(0x0B, nil, [4: .max]),
    .init(0x23, nil, [4: 0x0000_8086]), .init(0x23, nil, [4: 11 << 20]),
    .init(0x23, 12, [4: 12 << 20]), .init(0x23, 0x18, [4: 0x0180_8086, 8: 5]),
    .init(0x23, nil, [4: 0xFFF0_8086]),
    .init(0x36, nil), .init(0x36, nil, [4: 7]), .init(0x36, 8, [4: 8]),
    .init(0x36, 0x28, [4: 0xFFFF_F028]), .init(0x36, nil, [4: 0xFFF]),
  ]

  // ACS (7.7.11) with an egress vector: bit 5, its bits in 15:8, 0 for 256.
  private static let control: [LengthCase] = [
    .init(0x0D, 8), .init(0x0D, 8, [4: 0xFFFF_FFDF]), .init(0x0D, 12, [4: 0x0120]),
    .init(0x0D, 12, [4: 0x2020]), .init(0x0D, 16, [4: 0x2120]), .init(0x0D, 16, [4: 0x4020]),
    .init(0x0D, 40, [4: 0xFF20]), .init(0x0D, 40, [4: 0x0020]),
    // TPH (7.9.13): a table here only when bits 10:9 say 1, of 26:16 plus one entries.
    .init(0x17, 12), .init(0x17, 12, [4: 0x07FF_0000]), .init(0x17, 12, [4: 0x0007_0400]),
    .init(0x17, 12, [4: 0x0007_0600]), .init(0x17, 14, [4: 0x0200]),
    .init(0x17, 16, [4: 0x0001_0205]),
    .init(0x17, 12 + 128, [4: 0x003F_0200]), .init(0x17, nil, [4: 0x07FF_0200]),
  ]

  private static let counts: [LengthCase] = {
    var rows: [LengthCase] = []
    // Root complex links (7.9.8): bits 15:8.
    for n in [0, 1, 2, 16] {
      rows.append(.init(0x05, 16 + 16 * n, [4: UInt32(n) << 8 | 0xFFFF_00FF]))
    }
    // Resizable BARs (7.8.6, 7.8.7): bits 7:5 of the first control register.
    for id: UInt16 in [0x15, 0x24] {
      for n in 1...6 { rows.append(.init(id, 4 + 8 * n, [8: UInt32(n) << 5 | 0xFFFF_FF1F])) }
      rows += [.init(id, nil), .init(id, nil, [4: .max, 8: 0xFFFF_FF1F])]
    }
    // Dynamic power allocation (7.9.12): the highest substate in bits 4:0.
    for n in 0...31 { rows.append(.init(0x16, 16 + n + 1, [4: UInt32(n) | 0xFFFF_FFE0])) }
    return rows
  }()

  // DPC (7.9.14): bit 5, then a log of as many dwords as bits 11:8 and 13 say.
  private static let containment: [LengthCase] = {
    var rows: [LengthCase] = [.init(0x1D, 12), .init(0x1D, 12, [4: 0xFFFF_FFDF])]
    for n in 0...15 {
      let register = UInt32(n) << 8 | 1 << 5
      rows.append(.init(0x1D, 0x20 + 4 * n, [4: register]))
      rows.append(.init(0x1D, 0x20 + 4 * (n + 16), [4: register | 1 << 13]))
    }
    return rows
  }()

  // IDE (7.9.26): bit 0 link streams (count in 15:13), bit 1 selective streams (count in 23:16).
  private static let encryption: [LengthCase] = {
    var rows: [LengthCase] = [.init(0x30, 0x0C), .init(0x30, 0x0C, [4: 0xFFFF_FFFC])]
    for n in 0...7 { rows.append(.init(0x30, 0x0C + 8 * (n + 1), [4: UInt32(n) << 13 | 1])) }
    rows += [.init(0x30, 0x0C + 20, [4: 2]), .init(0x30, 0x0C + 60, [4: 2 << 16 | 2])]
    // Blocks with two, none and fifteen address associations.
    rows.append(
      .init(0x30, 0x0C + 44 + 20 + 200, [4: 2 << 16 | 2, 0x0C: 2, 0x38: 0xFFFF_FFF0, 0x4C: 0xF]))
    // Both: the link streams come first.
    rows.append(.init(0x30, 0x0C + 16 + 32, [4: 1 << 13 | 3, 0x0C: 0xF, 0x1C: 1]))
    rows.append(.init(0x30, nil, [4: 0xFF << 16 | 2]))
    return rows
  }()

  // One byte or more for each lane; none of them without a link.
  private static let lanes: [LengthCase] = {
    var rows: [LengthCase] = []
    for lanes in [1, 2, 4, 8, 16, 32] {
      let port = LengthCase.Port(type: 4, lanes: UInt32(lanes))
      let rounded = (lanes + 3) / 4 * 4
      rows.append(.init(0x19, 12 + 2 * lanes, port: port))
      rows.append(.init(0x26, 0x20 + rounded, port: port))
      rows.append(.init(0x27, 8 + 4 * lanes, port: port))
      rows.append(.init(0x2A, 0x20 + lanes, port: port))
      rows.append(.init(0x31, 0x20 + rounded, port: port))
    }
    let linkless: [LengthCase.Port] = [
      .none, .init(type: 9, lanes: 16), .init(type: 0xA, lanes: 16), .init(lanes: 0),
      .init(lanes: 33), .init(lanes: 63),
    ]
    for id: UInt16 in [0x19, 0x26, 0x27, 0x2A, 0x31] {
      rows += linkless.map { .init(id, nil, port: $0) }
    }
    return rows
  }()
}
