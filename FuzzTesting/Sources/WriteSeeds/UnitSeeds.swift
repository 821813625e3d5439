/// A guest at a VT-d unit: what is set up, then operations.
enum UnitSeeds {
  static let all: [Seed] = [
    seed("nothing-set-up", [0], write(0x80 / 4, 1), write(0x18 / 4, .max)),
    seed("set-up", [1], descriptor(0x37, 0), wait),
    seed("everything-offered", [3], descriptor(0x37, 0), descriptor(0x14, 0), wait),
    seed("narrow-descriptors", [5], descriptor(0x12, 0), wait),
    seed("pages-of-pasids", [1], pages(0), pages(1), pages(5), pages(7), pages(5), wait),
    seed("domain", [1], descriptor(0x1_0022, 0), descriptor(0x1_0007, 0), wait),
    seed("unknown-type", [1], descriptor(0, 0), wait, write(0x34 / 4, 0x10)),
    seed("tail-outside", [1], write(0x88 / 4, 0x7FFE0), write(0x34 / 4, 0x10)),
    seed(
      "detach", [1], word(5, 8, 0), descriptor(0x1_0001_0017, 0), descriptor(0x1_0001_0026, 0),
      wait),
    seed("replace-refused", [1, 0x26], word(5, 10, 0x9000), descriptor(0x37, 0), wait),
    seed("invalidation-refused", [1, 0x26], descriptor(0x1_0001_0026, 0), wait),
    seed("silent-device", [1, 0x2E], descriptor(0x10_0000_0003, 0x5000), wait),
    seed("invalid-answer", [1, 0x4E], descriptor(0x10_0008, 0x5801), wait),
    seed("second-stage", [3], word(5, 8, 0x5089), descriptor(0x37, 0), wait),
    seed("context-cleared", [1], word(3, 32, 0), descriptor(0x11, 0), wait),
    seed("loop", [1], word(4, 2, 0x4001), word(4, 3, 0x4001), descriptor(0x37, 0), wait),
    seed("requests", [1], request, request, request, descriptor(0x8_0009, 0x10)),
    Seed("requests-fill-the-queue", [1] + Array((0..<140).map { _ in request }.joined())),
    seed("faults", [1], fault(0), fault(1), fault(2), fault(3), fault(4)),
    seed("saved-and-restored", [1, 7, 0], descriptor(0x37, 0), wait, [0x4F, 0x22]),
    seed("device-replaced", [1, 0x16], descriptor(0x37, 0), [0xFF]),
    seed("translation-off-and-on", [1], write(6, 1 << 26), write(6, 1 << 26 | 1 << 31)),
    seed("root-elsewhere", [1], write(8, 0x7400), write(6, 0xD400_0000), wait),
  ]

  private static func seed(_ name: String, _ parts: [UInt8]...) -> Seed {
    Seed(name, Array(parts.joined()))
  }

  private static func pages(_ pasid: UInt64) -> [UInt8] {
    descriptor(0x1_0036 | pasid << 32, pasid << 12)
  }

  private static func fault(_ source: UInt8) -> [UInt8] {
    [5 | source << 3, 0x71] + le(0x5000 as UInt64)
  }

  private static func word(_ page: UInt16, _ index: UInt16, _ value: UInt64) -> [UInt8] {
    [0] + le(page << 9 | index) + le(value)
  }

  private static func write(_ register: UInt8, _ value: UInt64) -> [UInt8] {
    let shifted = register & 1 == 0 ? value : value << 32
    return [0x0A, register & ~1] + le(shifted)
  }

  private static func descriptor(_ low: UInt64, _ high: UInt64) -> [UInt8] {
    [3] + le(low) + le(high)
  }

  private static var wait: [UInt8] { descriptor(0x7_0000_0035, 0x7000) }

  private static var request: [UInt8] {
    [0x9C, 5, 0, 0, 0] + le(0x7000 as UInt64) + [2, 0]
  }
}
