import PCIe

extension Fixtures {
  /// Functions whose header or legacy list is the point.
  static let legacy: [Fixture] = [
    made("conventional bridge") {
      $0 = ConfigSpaceBuilder(size: 256)
      $0.put32(0x5678_1234, 0x0010_0006, 0x0604_0001, 0x0001_0000, at: 0)
      $0.put8(0x50, at: 0x34)
      $0.put32(0x0003_6001, at: 0x50)
      $0.put32(0x0000_000D, 0x9ABC_1234, at: 0x60)
    },
    made("CardBus bridge") {
      $0 = ConfigSpaceBuilder(size: 256)
      $0.put32(0x5678_1234, 0x0010_0006, 0x0607_0001, 0x0002_0000, at: 0)
      // The interface's socket registers stand where others have the pointer.
      $0.put32(0x0000_00A0, at: 0x14)
      $0.put32(0x0000_00FF, at: 0x34)
      $0.put32(0x9ABC_1234, at: 0x40)
      $0.put32(0x0002_0001, at: 0xA0)
    },
    made("status bit clear") {
      $0.put32(0x0000_0006, at: 0x04)
      $0.putChain((0x0F, 0x100))
    },
    made("48 legacy entries") { device in
      for offset in stride(from: 0x40, to: 0x100, by: 4) {
        device.put32(UInt32((offset + 4) & 0xFF) << 8 | 0x04, at: offset)
      }
    },
    made("48 legacy entries and back") { device in
      for offset in stride(from: 0x40, to: 0x100, by: 4) {
        device.put32(UInt32(max(0x40, (offset + 4) & 0xFF)) << 8 | 0x04, at: offset)
      }
    },
    made("legacy loop") {
      $0.put32(0x0003_6001, at: 0x80)
      $0.put32(0x0000_8003, at: 0x60)
      $0.put8(0x80, at: 0x34)
      $0.putChain((0x0F, 0x100))
    },
    made("legacy unaligned pointer") {
      $0.put8(0x81, at: 0x34)
      $0.put32(0x0003_0001, at: 0x80)
    },
    made("legacy pointer below 0x40") { $0.put8(0x10, at: 0x41) },
    made("legacy pointer of all ones") { $0.put8(0xFF, at: 0x41) },
    made("legacy dangling pointer") { $0.put8(0x90, at: 0x41) },
    made("legacy header of all ones") {
      $0.put8(0x90, at: 0x41)
      $0.put32(.max, at: 0x90)
    },
    made("legacy overlap, bad and long lengths") {
      $0.put8(0x50, at: 0x41)
      $0.put32(0x0000_A005, at: 0x50)
      $0.put32(0x0002_F809, at: 0xA0)
      $0.put32(0x0000_0011, at: 0xF8)
    },
    // Its link registers would be the header at 0x100.
    made("PCI Express at 0xf4") {
      $0.put8(0xF4, at: 0x34)
      $0.put32(0, at: 0x40)
      $0.put32(0x0002_0010, at: 0xF4)
      $0.putChain((0x18, 0x100), (0x19, 0x200))
    },
  ]

  /// What reads can give: fewer bytes, or none of the function's.
  static let reads: [Fixture] = [
    made("64 bytes", size: 64) { _ in },
    made("128 bytes", size: 128) {
      // An entry that the read cuts off, and lengths in registers that it does not reach.
      $0.put8(0x74, at: 0x41)
      $0.put32(0x0003_7C14, at: 0x74)
      $0.put32(0x0000_0012, at: 0x7C)
    },
    made("128 bytes that end within MSI-X", size: 128) {
      $0.put8(0x78, at: 0x41)
      $0.put32(0x0000_0011, at: 0x78)
    },
    made("256 bytes", size: 256) { _ in },
    made("no extended space") { device in
      for offset in stride(from: 0x100, to: 0x1000, by: 4) { device.put32(.max, at: offset) }
    },
    Fixture("all ones", filled(with: .max, size: 4096)),
    Fixture("64 bytes of ones", filled(with: .max, size: 64)),
    Fixture("all zeros", filled(with: 0, size: 4096)),
    made("aliased") { device in
      let first = device.config
      for offset in stride(from: 0x100, to: 0x1000, by: 4) {
        device.put32(first.read32(offset & 0xFF), at: offset)
      }
    },
    Fixture("random bytes", random(seed: 1)),
    Fixture("random registers", randomRegisters(seed: 1)),
  ]

  private static func filled(with byte: UInt8, size: Int) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(size: size)
    for offset in 0..<size { builder.put8(byte, at: offset) }
    return builder.config
  }
}
