import Hardware
import IOMMU
import TestSupport

/// Words of SMMUv3 structures by their fields.
enum SMMUWords {
  static func ste(
    configuration: UInt64 = 5, format: UInt64 = 0, pointer: UInt64 = 0x1000, bits: UInt64 = 4,
    dss: UInt64 = 0, forbidsStalls: Bool = false
  ) -> SMMUStreamTableEntry {
    SMMUStreamTableEntry(
      word0: 1 | configuration << 1 | format << 4 | pointer | bits << 59,
      word1: dss | (forbidsStalls ? 1 << 27 : 0))
  }

  /// The first word of a context descriptor: valid, AArch64, recording and aborting, upper half off.
  static func cd(
    size: UInt64 = 16, granule: UInt64 = 0, upperSize: UInt64 = 16, upperGranule: UInt64 = 2,
    outputs: UInt64 = 5, asid: UInt64 = 1, upperIsOff: Bool = true, flags: [UInt64] = []
  ) -> UInt64 {
    let base: UInt64 =
      size | granule << 6 | upperSize << 16 | upperGranule << 22 | (upperIsOff ? 1 << 30 : 0)
    let upper: UInt64 = 1 << 31 | outputs << 32 | 1 << 41 | 1 << 45 | 1 << 46 | asid << 48
    return flags.reduce(base | upper) { $0 ^ 1 << $1 }
  }

  /// A page entry that users may read and write.
  static func page(_ address: UInt64) -> UInt64 { address | 1 << 10 | 1 << 6 | 3 }
}

/// Random streams: mostly sound, sometimes anything.
struct RandomSMMUTables {
  let pages: UInt64
  var random: SplitMix64

  init(pages: Int, seed: UInt64) {
    self.pages = UInt64(pages)
    random = SplitMix64(seed: seed)
  }

  mutating func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &random) == 0 }

  mutating func entry() -> UInt64 {
    var entry = SMMUWords.page(UInt64.random(in: 0..<pages, using: &random) << 12)
    if chance(5) { entry ^= 1 << 10 }
    if chance(5) { entry |= 1 << 7 }
    if chance(4) { entry |= 1 << 51 }
    if chance(8) { entry ^= 2 }
    if chance(12) { entry ^= 1 }
    if chance(8) { entry ^= 1 << UInt64.random(in: 53...63, using: &random) }
    if chance(10) { entry ^= 1 << 6 }
    if chance(16) { entry ^= 1 << UInt64.random(in: 0..<64, using: &random) }
    if chance(40) { entry = random.next() }
    return entry
  }

  mutating func descriptor(granule: UInt64) -> [UInt64] {
    let names: [UInt64: UInt64] = [0: 2, 1: 3, 2: 1]
    var word = SMMUWords.cd(
      size: .random(in: 16...39, using: &random), granule: granule,
      upperSize: .random(in: 16...39, using: &random), upperGranule: names[granule] ?? 0,
      outputs: .random(in: 0...7, using: &random), asid: .random(in: 0...3, using: &random),
      upperIsOff: chance(3))
    for flag in [35, 38, 39, 42, 43, 44, 45] as [UInt64] where chance(2) { word ^= 1 << flag }
    if chance(6) { word ^= 1 << UInt64.random(in: 0..<64, using: &random) }
    let tables = (0..<2).map { _ in
      UInt64.random(in: 0..<pages, using: &random) << 12 | (chance(3) ? 2 : 0)
        | (chance(20) ? random.next() & 0xF_FFFF_FFFF_FFF0 : 0)
    }
    return [word] + tables
  }
}
