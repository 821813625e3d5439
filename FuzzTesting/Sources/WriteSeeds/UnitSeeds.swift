/// A guest at a VT-d unit: what is set up, then operations.
enum UnitSeeds {
  static let all: [Seed] = [
    Seed("nothing-set-up", [0] + write(0x80 / 4, 1) + write(0x18 / 4, .max)),
    Seed("set-up", [1] + descriptor(0x37, 0) + wait),
    Seed("everything-offered", [3] + descriptor(0x37, 0) + descriptor(0x14, 0) + wait),
    Seed("narrow-descriptors", [5] + descriptor(0x12, 0) + wait),
    Seed(
      "pages-of-pasids",
      [1] + (0..<8).flatMap { descriptor(6 | 3 << 4 | 1 << 16 | $0 << 32, $0 << 12) } + wait),
    Seed("domain", [1] + descriptor(0x1_0022, 0) + descriptor(0x1_0007, 0) + wait),
    Seed("unknown-type", [1] + descriptor(0, 0) + wait + write(0x34 / 4, 0x10)),
    Seed("tail-outside", [1] + write(0x88 / 4, 0x7FFE0) + write(0x34 / 4, 0x10)),
    Seed(
      "detach",
      [1] + word(5, 8, 0) + descriptor(0x1_0017 | 1 << 32, 0)
        + descriptor(0x1_0026 | 1 << 32, 0) + wait),
    Seed("replace-refused", [1, 6 | 1 << 5] + word(5, 10, 0x9000) + descriptor(0x37, 0) + wait),
    Seed(
      "invalidation-refused", [1, 6 | 1 << 5] + descriptor(0x1_0026 | 1 << 32, 0) + wait),
    Seed("silent-device", [1, 6 | 1 << 3 | 1 << 5] + descriptor(3 | 16 << 32, 0x5000) + wait),
    Seed("invalid-answer", [1, 6 | 1 << 3 | 2 << 5] + descriptor(8 | 16 << 16, 0x5801) + wait),
    Seed("second-stage", [3] + word(5, 8, 0x5089) + descriptor(0x37, 0) + wait),
    Seed("context-cleared", [1] + word(3, 32, 0) + descriptor(0x11, 0) + wait),
    Seed("loop", [1] + word(4, 2, 0x4001) + word(4, 3, 0x4001) + descriptor(0x37, 0) + wait),
    Seed("requests", [1] + (0..<3).flatMap { _ in request } + descriptor(9 | 8 << 16, 0x10)),
    Seed("requests-fill-the-queue", [1] + (0..<140).flatMap { _ in request }),
    Seed("faults", [1] + (0..<5).flatMap { [UInt8(5 | $0 << 3), 0x71] + le(0x5000 as UInt64) }),
    Seed("saved-and-restored", [1, 7] + [0] + descriptor(0x37, 0) + wait + [7 | 9 << 3, 0x22]),
    Seed("device-replaced", [1, 6 | 2 << 3] + descriptor(0x37, 0) + [7 | 31 << 3]),
    Seed("translation-off-and-on", [1] + write(6, 1 << 26) + write(6, 1 << 26 | 1 << 31)),
    Seed("root-elsewhere", [1] + write(8, 0x7400) + write(6, 5 << 28 | 1 << 26) + wait),
  ]

  private static func word(_ page: UInt16, _ index: UInt16, _ value: UInt64) -> [UInt8] {
    [0] + le(page << 9 | index) + le(value)
  }

  private static func write(_ register: UInt8, _ value: UInt64) -> [UInt8] {
    [2 | 1 << 3, register & ~1] + le(register & 1 == 0 ? value : value << 32)
  }

  private static func descriptor(_ low: UInt64, _ high: UInt64) -> [UInt8] {
    [3] + le(low) + le(high)
  }

  private static var wait: [UInt8] { descriptor(0x35 | 7 << 32, 0x7000) }

  private static var request: [UInt8] {
    [4 | 19 << 3] + le(5 as UInt32) + le(0x7000 as UInt64) + le(2 as UInt16)
  }
}
