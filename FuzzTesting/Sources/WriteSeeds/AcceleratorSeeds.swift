/// A program at an accelerator: what is set up, then steps.
enum AcceleratorSeeds {
  static let all: [Seed] = [
    seed("nothing-set-up", [0], register(0xA0, 1 << 20), serve),
    seed("no-operation", [1], submit(0), serve),
    seed("copy", [1], submit(3, 0x2000, 0x3000, 0x800), serve),
    seed("copy-into-the-missing-page", [1], submit(3, 0x2000, 0x4800, 0x1000), serve),
    seed(
      "blocks-and-is-answered", [3], submit(3, 0x2000, 0x5000, 16, flags: 0xE), serve, [0x25], serve
    ),
    seed(
      "blocks-and-is-refused", [3], submit(3, 0x5000, 0x2000, 16, flags: 0xE), serve, [0x0D], serve),
    seed("overlap", [2], submit(3, 0x2000, 0x2001, 0x2000), serve),
    seed("fill", [2], submit(4, 0x1122_3344, 0x2003, 0x1001), serve),
    seed("compare", [1], submit(5, 0x2000, 0x3000, 0x1000, flags: 0x8C), serve),
    seed("compare-pattern", [1], submit(6, 0x2000, 0, 0x1000), serve),
    seed("delta", [1], memory(0x2000, 9), submit(7, 0x2000, 0x3000, 64, 0x7000, 80), serve),
    seed("apply-delta", [1], memory(0x2000, 1), submit(8, 0x2000, 0x3000, 64, 20), serve),
    seed("dualcast", [1], submit(9, 0x2000, 0x3000, 64, 0x8000), serve),
    seed("checksum", [1], submit(0x10, 0x2000, 0, 0x100, 7), serve),
    seed("copy-with-checksum", [1], submit(0x11, 0x2000, 0x4F00, 0x200), serve),
    seed("flush", [1], submit(0x20, 0, 0x4000, 0x2000), serve),
    seed("batch", [1], memory(0x2000, 0), memory(0x2040, 0), submit(1, 0x2000, 0, 2), serve),
    seed("batch-without-end", [3], submit(1, 0xFFC0, 0, 4), serve),
    seed(
      "drain-while-blocked", [3], submit(3, 0x5000, 0x2000, 16, flags: 0xE), serve,
      register(0xA0, 3 << 20), serve, [0x05], serve),
    seed(
      "abort-while-blocked", [3], submit(3, 0x5000, 0x2000, 16, flags: 0xE), serve,
      register(0xA0, 4 << 20), [0x25], serve),
    seed("reset-with-work", [5], submit(0), submit(0), [0xFE], serve),
    seed("bus-master-lost", [1], submit(0), [6, 0], serve),
    seed(
      "pieces", [1], piece(0), piece(8), piece(16), piece(24), piece(32), piece(40), piece(48),
      piece(56), serve),
  ]

  private static func seed(_ name: String, _ parts: [UInt8]...) -> Seed {
    Seed(name, Array(parts.joined()))
  }

  private static let serve: [UInt8] = [0xFC]

  private static func register(_ offset: UInt16, _ value: UInt64) -> [UInt8] {
    [2 << 3] + le(offset) + le(value)
  }

  private static func piece(_ offset: UInt16) -> [UInt8] {
    [3 << 3 | 1] + le(offset) + le(offset == 8 ? 0x1000 as UInt64 : 0)
  }

  private static func memory(_ offset: UInt16, _ value: UInt8) -> [UInt8] {
    [7] + le(offset) + (0..<64).map { $0 % 10 == 0 ? value : 0 }
  }

  private static func submit(
    _ opcode: UInt64, _ source: UInt64 = 0, _ target: UInt64 = 0, _ count: UInt64 = 0,
    _ fifth: UInt64 = 0, _ sixth: UInt64 = 0, flags: UInt64 = 0xC
  ) -> [UInt8] {
    let words = [
      opcode << 56 | flags << 32 | 5, 0x1000, source, target, count, fifth, sixth, 0,
    ]
    return [2] + words.flatMap { le($0) }
  }
}
