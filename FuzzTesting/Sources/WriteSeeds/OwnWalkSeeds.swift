/// Tables of a guest and requests of its emulated devices, for a unit that walks by itself.
enum OwnWalkSeeds {
  static let all: [Seed] = [
    Seed("first-stage", [0] + first(7) + requests(0)),
    Seed("second-stage", [0] + second(3) + requests(1)),
    Seed("nested", [0] + first(7) + second(0x83, large: true) + requests(2) + requests(2)),
    Seed("pass-through", [0] + requests(3) + request(3, 1 << 47, 1)),
    Seed("legacy", [1] + legacy + requests(nil)),
    Seed("off", [2] + requests(nil) + requests(0)),
    Seed("dirty", [4] + first(7) + requests(0) + second(3) + requests(1)),
    Seed("execute", [0] + first(7) + request(0, 0x1000, 5) + request(0, 0x1000, 0xB)),
    Seed("interrupts", [0] + entry + remap(0xFEE0_0010) + remap(0xFEE0_0030) + remap(0x1000)),
    Seed("device-tlb", [0] + first(7) + asks + second(3) + asks),
    Seed(
      "forgotten",
      [0] + first(7) + requests(0) + link(0xB, 1, 0xC, 7) + requests(0)
        + forget(9) + requests(0) + forget(6) + forget(3) + forget(0) + requests(0)),
    Seed("taken-away", [0] + first(7) + requests(0) + [3 | 0xB << 3, 1] + requests(0)),
    Seed("both-ways", [0] + first(7) + both(0) + both(15) + both(16)),
    Seed("loop", [0] + link(6, 0, 6, 7) + requests(0) + both(0) + second(7) + both(8)),
    Seed("broken", [0] + [0] + le(0x400 as UInt16) + le(.max as UInt64) + forget(0) + requests(0)),
  ]

  /// A first stage from page 6 over 8, 9 and 11 to page 13, entry 0 each and 1 in the last.
  private static func first(_ flags: UInt16) -> [UInt8] {
    link(6, 0, 8, 7) + link(8, 0, 9, 7) + link(9, 0, 0xB, 7) + link(0xB, 1, 0xD, flags)
  }

  /// A second stage from page 7 on, of pages or of one of 2 MiB.
  private static func second(_ flags: UInt16, large: Bool = false) -> [UInt8] {
    let upper = link(7, 0, 0xA, 3) + link(0xA, 0, 0xC, 3)
    return large
      ? upper + link(0xC, 0, 0, flags) : upper + link(0xC, 0, 0xE, 3) + link(0xE, 1, 0xD, flags)
  }

  private static var legacy: [UInt8] {
    link(6, 0, 8, 3) + link(8, 0, 9, 3) + link(9, 0, 0xB, 3) + link(0xB, 1, 0xD, 3)
  }

  /// An interrupt of entry 0, in page 15.
  private static var entry: [UInt8] {
    [0] + le(15 << 9 as UInt16) + le(0x45_0001 as UInt64)
  }

  private static var asks: [UInt8] {
    [4 | 4 << 3] + le(0x1000 as UInt64) + [0, 3] + [4 | 12 << 3] + le(0x1000 as UInt64) + [1, 7]
      + [4 | 5 << 3] + le(0x1000 as UInt64) + [0, 1] + [4 | 2 << 3] + le(0x3000 as UInt64) + [2]
  }

  private static func remap(_ address: UInt64) -> [UInt8] { [4 | 3 << 3] + le(address) + [0] }

  private static func requests(_ pasid: UInt8?) -> [UInt8] {
    request(pasid, 0x1000, 1) + request(pasid, 0x1FF8, 2) + request(pasid, 0xFEE0_0000, 2)
  }

  private static func request(_ pasid: UInt8?, _ iova: UInt64, _ access: UInt8) -> [UInt8] {
    [6 | (pasid == nil ? 0 : 0x80) | access << 3] + (pasid.map { [$0] } ?? []) + le(iova) + [16]
  }

  private static func forget(_ how: UInt8) -> [UInt8] {
    [2 | how << 3, 0, 0] + le(1 as UInt32) + [0]
  }

  private static func both(_ how: UInt8) -> [UInt8] {
    [5 | how << 3, 6] + le(0x1008 as UInt64) + [1] + [5 | how << 3, 6] + le(0x1008 as UInt64) + [2]
  }

  /// An entry that leads to a page.
  private static func link(
    _ table: UInt16, _ index: UInt16, _ to: UInt8, _ flags: UInt16
  ) -> [UInt8] { [1 | to << 3] + le(table << 9 | index) + le(flags) }
}
