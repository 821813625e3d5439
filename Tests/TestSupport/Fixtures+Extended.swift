import PCIe

extension Fixtures {
  /// Extended lists that are as they should be.
  static let sound: [Fixture] = [
    Fixture("DSA sample", SampleDevice.sapphireRapidsDSA),
    made("empty extended list") { _ in },
    made("placeholder head") { $0.putChain((0, 0x100), (0x0F, 0x200), (0x03, 0x300)) },
    made("placeholder between") { $0.putChain((0x0F, 0x100), (0, 0x180), (0x03, 0x300)) },
    made("lone placeholder") { $0.putExtendedHeader(id: 0, version: 1, next: 0, at: 0x100) },
    made("not ascending") {
      $0.putChain((0x01, 0x100), (0x03, 0x300), (0x0F, 0x200), (0x18, 0x400))
      $0.put32(0x0011_0000, at: 0x108)
    },
    made("backward") {
      $0.putChain((0x18, 0x100), (0x0F, 0xFF8), (0x03, 0x800), (0x0E, 0x200), (0x13, 0x110))
    },
    made("chain that fills the space") { device in
      for offset in stride(from: 0x100, to: 0x1000, by: 0x100) {
        device.putExtendedHeader(id: 0x0B, next: (offset + 0x100) & 0xFFF, at: offset)
        device.put32(0x1001_0002, at: offset + 4)
      }
    },
    made("unknown length last") { $0.putChain((0x0F, 0x100), (0x7F, 0x200)) },
    made("unknown length in the middle") {
      $0.putChain((0x0F, 0x100), (0x2B, 0x200), (0x03, 0x300))
    },
    made("VSEC in the last 16 bytes") {
      $0.putChain((0x18, 0x100), (0x0B, 0xFF0))
      $0.put32(0x0101_00AB, 0xDEAD_BEEF, 0, at: 0xFF4)
    },
    made("registers in the last 16 bytes") {
      $0.putChain((0x18, 0x100))
      $0.put32(0x0000_0001, 0, 0x8000_0000, at: 0xFF0)
    },
    made("stray bytes") { device in
      device.putChain((0x18, 0x100), (0x0F, 0x400))
      for offset in [0xC0, 0x109, 0x3FF, 0x408, 0x7FE, 0x801, 0xFFF] {
        device.put8(0x5A, at: offset)
      }
    },
    full("479 entries", count: 479, head: 0x7F00),
    full("480 entries", count: 480, head: 0x7F00),
    full("480 entries behind a placeholder", count: 480, head: 0),
  ]

  /// Extended lists whose links cannot be trusted.
  static let broken: [Fixture] = [
    full("481 entries", count: 481, head: 0x7F00),
    made("loop to itself") { $0.putExtendedHeader(id: 0x0F, next: 0x100, at: 0x100) },
    made("loop of two") {
      $0.putChain((0x0F, 0x100), (0x03, 0x200), (0x18, 0x300))
      $0.putExtendedHeader(id: 0x18, next: 0x200, at: 0x300)
    },
    made("unaligned pointer") {
      $0.putChain((0x0F, 0x100), (0x03, 0x200))
      $0.putExtendedHeader(id: 0x0F, next: 0x202, at: 0x100)
    },
    made("unaligned end") { $0.putExtendedHeader(id: 0x0F, next: 0x003, at: 0x100) },
    made("pointer below 0x100") {
      $0.putChain((0x0F, 0x100), (0x03, 0x200))
      $0.putExtendedHeader(id: 0x03, next: 0x040, at: 0x200)
    },
    made("dangling pointer") { $0.putExtendedHeader(id: 0x0F, next: 0x300, at: 0x100) },
    made("pointer to all ones") {
      $0.putExtendedHeader(id: 0x0F, next: 0x300, at: 0x100)
      $0.put32(.max, at: 0x300)
    },
    made("identity at 0x100 alone") { $0.put32(0x5678_1234, at: 0x100) },
  ]

  /// Extended lists with whole links and lengths that are not right.
  static let odd: [Fixture] = [
    made("overlap") {
      $0.putChain((0x01, 0x100), (0x0F, 0x120), (0x18, 0x124), (0x03, 0x200))
    },
    made("length past the end") {
      $0.putChain((0x0F, 0x100), (0x0B, 0xF00), (0x10, 0xFC4))
      $0.put32(0x2001_0002, at: 0xF04)
    },
    made("zero VSEC length") { $0.putChain((0x0B, 0x100), (0x0F, 0x200)) },
    made("short VSEC and DVSEC lengths") {
      $0.putChain((0x0B, 0x100), (0x23, 0x200), (0x36, 0x300), (0x15, 0x400))
      $0.put32(0x0071_0002, at: 0x104)
      $0.put32(0x00B1_8086, at: 0x204)
      $0.put32(0x0000_0004, at: 0x304)
    },
    // Its second stream has 15 address blocks, which end past 0xfff; a first stream with three
    // would put the second one elsewhere.
    made("IDE past the end") {
      $0.putChain((0x18, 0x100), (0x30, 0xF80))
      $0.put32(0x0001_0002, at: 0xF84)
      $0.put32(0x0000_000F, at: 0xFA0)
    },
  ]

  /// A list of headers alone, four bytes apart, from 0x100 on.
  private static func full(_ name: String, count: Int, head: UInt16) -> Fixture {
    made(name) { device in
      for index in 0..<count {
        let offset = 0x100 + 4 * index
        device.putExtendedHeader(
          id: index == 0 ? head : 0x7F00, next: index + 1 < count ? offset + 4 : 0, at: offset)
      }
    }
  }
}
