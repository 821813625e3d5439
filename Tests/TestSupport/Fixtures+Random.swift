public import PCIe

extension Fixtures {
  /// Bytes that mean nothing, the same ones for the same seed.
  public static func random(seed: UInt64) -> ConfigSpace {
    var generator = SplitMix64(seed: seed)
    var builder = ConfigSpaceBuilder()
    for offset in stride(from: 0, to: 4096, by: 4) {
      builder.put32(UInt32(truncatingIfNeeded: generator.next()), at: offset)
    }
    return builder.config
  }

  /// An endpoint whose lists are sound and whose registers mean nothing.
  ///
  /// Both lists visit random places in random order with IDs that the catalogue has, so that every
  /// length rule meets every register value sooner or later; most dwords stay zero.
  public static func randomRegisters(seed: UInt64) -> ConfigSpace {
    var generator = SplitMix64(seed: seed)
    var device = endpoint()
    for _ in 0..<Int.random(in: 0..<200, using: &generator) {
      let value = UInt32(truncatingIfNeeded: generator.next())
      device.put32(
        Bool.random(using: &generator) ? value : value & 0x0F0F,
        at: 4 * Int.random(in: 0x10..<0x400, using: &generator))
    }
    let legacy = places(0x40..<0x100, count: 0..<8, using: &generator)
    var pointer = 0x34
    for offset in legacy {
      device.put8(UInt8(offset), at: pointer)
      device.put8(UInt8.random(in: 1...0x17, using: &generator), at: offset)
      pointer = offset + 1
    }
    device.put8(0, at: pointer)
    let extended = [0x100] + places(0x104..<0x1000, count: 0..<24, using: &generator)
    for (index, offset) in extended.enumerated() {
      device.putExtendedHeader(
        id: UInt16.random(in: 0...0x3C, using: &generator),
        version: UInt8.random(in: 1...3, using: &generator),
        next: index + 1 < extended.count ? extended[index + 1] : 0, at: offset)
    }
    return device.config
  }

  /// A config space with some bytes of another value.
  ///
  /// Half of the changes hit headers and pointers, where they matter.
  public static func mutated(
    _ config: ConfigSpace, using generator: inout SplitMix64
  ) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(config)
    let walk = config.walkCapabilities()
    let headers = (walk.legacy + walk.extended).flatMap { Array($0.headerBytes) }
    let places = ([0x06, 0x0E, 0x34] + headers).filter { $0 < config.size }
    for _ in 0..<Int.random(in: 1...6, using: &generator) {
      let offset =
        Bool.random(using: &generator)
        ? places.randomElement(using: &generator) ?? 0
        : Int.random(in: 0..<config.size, using: &generator)
      let old = builder.config.read8(offset)
      let new: UInt8 =
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: old ^ 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: 0
        case 2: .max
        default: UInt8.random(in: 0...255, using: &generator)
        }
      builder.put8(new, at: offset)
    }
    return builder.config
  }

  /// Dword offsets of a range, each once, in any order.
  private static func places(
    _ range: Range<Int>, count: Range<Int>, using generator: inout SplitMix64
  ) -> [Int] {
    let all = stride(from: range.lowerBound, to: range.upperBound, by: 4).shuffled(
      using: &generator)
    return Array(all.prefix(Int.random(in: count, using: &generator)))
  }
}
