/// Guest tables: memory, then requests.
enum TableSeeds {
  static let all: [Seed] = [
    Seed("vtd-four-levels", vtd() + tables(7) + reads),
    Seed("vtd-five-levels", vtd(kind: 0x0E) + link(1, 0, 0xE, 7) + reads),
    Seed("vtd-options", vtd(kind: 0xF0) + tables(7) + request(.max, 0xF) + request(0x1000, 0xF)),
    Seed("vtd-large-pages", vtd() + tables(0x87) + reads),
    Seed("vtd-loop", vtd() + link(1, 0, 1, 7) + link(1, 511, 1, 7) + reads + request(~0, 2)),
    Seed("vtd-protected", vtd(denied: 0x0000_0AA8) + tables(7) + reads + request(0x1000, 2)),
    Seed("vtd-root-outside", vtd(root: .max) + reads),
    Seed("vtd-forgotten", vtd() + tables(7) + reads + link(4, 1, 9, 7) + reads + forgetAll + reads),
    Seed(
      "vtd-remapped", vtd() + tables(0x67) + reads + [3 | 5 << 3, 0] + reads + [4, 0, 16] + reads),
    Seed("vtd-self-map", vtd() + link(1, 0, 1, 0x7) + request(0x1000, 2) + request(0, 2) + reads),
    Seed("smmu-linear", smmu() + descriptor() + tables(3) + page + substreams),
    Seed(
      "smmu-two-levels",
      smmu(word0: 0x2000_0000_0000_E01B) + link(14, 0, 1, 1) + descriptor()
        + tables(3) + page + substreams),
    Seed("smmu-bypass", smmu(word0: 0x9) + reads + substreams),
    Seed("smmu-abort", smmu(word0: 0) + reads),
    Seed("smmu-default", smmu(word1: 2) + descriptor() + tables(3) + page + reads + substreams),
    Seed(
      "smmu-updates",
      smmu(kind: 0x41) + descriptor(flags: 3 << 42) + tables(3)
        + word(4, 1, 5 << 12 | 1 << 51 | 0xC3) + substreams),
    Seed("smmu-64k", smmu() + descriptor(size: 0x40 | 22) + link(2, 0, 0, 3) + substreams),
    Seed("smmu-16k", smmu() + descriptor(size: 0x80 | 20) + link(2, 0, 0, 3) + substreams),
    Seed(
      "smmu-forgotten",
      smmu() + descriptor() + tables(3) + page + substreams
        + word(1, 9, 7 << 12) + substreams + [4 | 4 << 3] + le(1 as UInt32) + substreams + forgetAll
        + substreams),
    Seed("smmu-ones", smmu(word0: .max, word1: .max) + substreams),
  ]

  private static func vtd(
    kind: UInt8 = 2, denied: UInt32 = 0, root: UInt64 = 0x1000
  ) -> [UInt8] { [kind] + le(denied) + le(root) }

  /// Config 5, descriptors in page 1, four bits of substream IDs.
  private static func smmu(
    kind: UInt8 = 3, word0: UInt64 = 0x2000_0000_0000_100B, word1: UInt64 = 0
  ) -> [UInt8] { [kind] + le(0 as UInt32) + le(word0) + le(word1) }

  /// A descriptor for substreams 0 and 1 whose tables start in page 2.
  private static func descriptor(size: UInt64 = 16, flags: UInt64 = 0) -> [UInt8] {
    let first: UInt64 = size | 1 << 30 | 1 << 31 | 5 << 32 | 1 << 45
    return [0, 8].flatMap { at in
      word(1, at, first | 1 << 46 | 1 << 41 | 1 << 48 | flags) + word(1, at + 1, 0x1000)
    }
  }

  /// Tables in pages 1 to 4, entry 0 each, and a last one that leads on.
  private static func tables(_ flags: UInt16) -> [UInt8] {
    link(1, 0, 2, 7) + link(2, 0, 3, flags | 7) + link(3, 0, 4, flags | 7) + link(4, 1, 5, flags)
  }

  private static var page: [UInt8] { word(4, 1, 5 << 12 | 0x443) }

  /// An entry that leads to a page.
  private static func link(_ table: UInt16, _ index: UInt16, _ to: UInt8, _ flags: UInt16)
    -> [UInt8]
  {
    [2 | to << 3] + le(table << 9 | index) + le(flags)
  }

  private static func word(_ table: UInt16, _ index: UInt16, _ value: UInt64) -> [UInt8] {
    [0] + le(table << 9 | index) + le(value)
  }

  private static func request(_ iova: UInt64, _ access: UInt8) -> [UInt8] {
    [5 | access << 3] + le(iova)
  }

  private static var reads: [UInt8] { request(0x1008, 1) + request(0x1010, 2) + request(0x7FFF, 1) }

  private static var substreams: [UInt8] {
    [0, 1, 9].flatMap { number in [5 | 0x11 << 3, number] + le(0x1008 as UInt64) }
  }

  private static var forgetAll: [UInt8] { [4 | 7 << 3] }
}
