/// Inputs for the machine behind `passage serve`.
enum MachineSeeds {
  /// A copy through a queue: a descriptor, and work.
  private static func copy(_ queue: UInt8, _ source: UInt16, _ target: UInt16) -> [UInt8] {
    var bytes: [UInt8] = [9 | queue << 6, 0, 0, 0, 0, 0x0C, 0, 0, 3]
    for address in [0x3000, source, target] {
      bytes += [UInt8(truncatingIfNeeded: address), UInt8(address >> 8), 0, 0, 0, 0, 0, 0]
    }
    bytes += [64, 0, 0, 0] + [UInt8](repeating: 0, count: 28)
    return bytes + [10]
  }

  /// An invalidation of everything, and a wait.
  private static let invalidation: [UInt8] =
    [11, 0, 0x37] + [UInt8](repeating: 0, count: 15) + [11, 1, 0x25] + [
      0, 0, 0, 1, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0,
    ]

  static let all: [Seed] = [
    Seed("copies", [3] + copy(0, 0, 0x1000) + copy(1, 0x1000, 0x2000)),
    Seed("no-page", [3] + copy(0, 0, 0x7000) + [11, 0, 0x19, 0, 0x40, 0] + copy(0, 0, 0x1000)),
    Seed("unmapped-meanwhile", [3] + copy(0, 0, 0x1000) + [0x85] + copy(0, 0, 0x1000) + [0x86]),
    Seed("unit-reset", [3, 0x87] + copy(0, 0, 0x1000) + [7] + copy(0, 0, 0x1000)),
    Seed("reconnect", [3, 12, 0x8C, 10] + copy(1, 0, 0x1000)),
    Seed("invalidated", [3] + copy(0, 0, 0x1000) + invalidation + copy(0, 0, 0x1000)),
    Seed(
      "config", [2, 0x21, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0x11, 0x49, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]),
    Seed("interrupts", [2, 0x28, 1, 3, 0x28, 8, 7, 0xB8, 0, 5]),
    Seed("hidden", [0, 13, 8, 0, 0x80, 7, 0, 0, 3, 0x87, 0x80, 7, 0, 0, 3]),
  ]
}
