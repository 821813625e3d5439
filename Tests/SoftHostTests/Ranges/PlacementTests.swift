import HostABI
import SoftHost
import TestSupport
import Testing

@Suite("Automatic placement")
struct PlacementTests {
  /// Every hole of every allowed range, from low to high, by walking everything.
  static func reference(
    _ wanted: AutomaticPlacement, _ areas: [ClosedRange<UInt64>], _ allowed: [ClosedRange<UInt64>],
    _ reserved: [ClosedRange<UInt64>]
  ) -> UInt64? {
    func place(_ start: UInt64, _ last: UInt64) -> UInt64? {
      let aligned = (start + wanted.alignment - 1) / wanted.alignment * wanted.alignment
      let place = aligned | wanted.pageOffset
      return place < last && last - place >= wanted.length - 1 ? place : nil
    }
    var windows: [ClosedRange<UInt64>] = []
    let limits: ClosedRange<UInt64> = 4096...UInt64.max - 4096
    for range in allowed.isEmpty ? [limits] : allowed where range.overlaps(limits) {
      if let last = windows.last, last.upperBound + 1 == range.lowerBound {
        windows[windows.count - 1] = last.lowerBound...range.upperBound
      } else {
        windows.append(range)
      }
    }
    let used = (areas + reserved).sorted { $0.lowerBound < $1.lowerBound }
    for window in windows.map({ $0.clamped(to: limits) }) {
      guard var start = place(window.lowerBound, window.upperBound) else { continue }
      for range in used where range.upperBound >= start {
        guard range.lowerBound <= window.upperBound else { break }
        if range.lowerBound > start, let found = place(start, range.lowerBound - 1) { return found }
        start = range.upperBound + 1
      }
      if start <= window.upperBound, let found = place(start, window.upperBound) { return found }
    }
    return nil
  }

  @Test(
    "finds what a walk over everything finds",
    arguments: [1, 4, 16] as [UInt64], 0..<6 as Range<UInt64>)
  func reference(spread: UInt64, seed: UInt64) throws {
    var random = SplitMix64(seed: seed &* 31 &+ spread)
    let top = spread << 20
    var found = 0
    func range(_ random: inout SplitMix64, _ longest: UInt64) -> ClosedRange<UInt64> {
      let start = random.next() % top
      return start...start + random.next() % longest + 1
    }
    for _ in 0..<12 {
      var areas = AreaMap<UInt32>()
      for _ in 0..<random.next() % 700 {
        let isPaged = random.next() % 3 > 0
        let found = range(&random, 9000)
        let start = isPaged ? found.lowerBound & ~4095 : found.lowerBound
        _ = areas.insert(start...(isPaged ? start + 4095 : found.upperBound), 0)
      }
      var reserved = ReservedRanges()
      for owner in 0..<random.next() % 20 { reserved.add(range(&random, 40_000), owner: owner) }
      var allowed = AllowList()
      for _ in 0..<random.next() % 2 * 40 {
        let range = range(&random, top / 20)
        try? allowed.add(start: range.lowerBound, last: range.upperBound)
        try? allowed.add(start: range.upperBound + 1, last: range.upperBound + 9000)
      }
      for _ in 0..<60 {
        let length = random.next() % (1 << (random.next() % 20)) + 1
        let address = random.next() % 3 == 0 ? 0 : random.next() << (random.next() % 24)
        let wanted = try AutomaticPlacement(length: length, address: address)
        let expected = Self.reference(
          wanted, areas.map(\.range), allowed.ranges, reserved.ranges)
        #expect(areas.firstFit(wanted, allowed: allowed, avoiding: reserved) == expected)
        if expected != nil { found += 1 }
      }
    }
    #expect(found > 100)
  }

  @Test("packs pages from the second one on")
  func packing() throws {
    var areas = AreaMap<Int>()
    for index in 1...5000 {
      let wanted = try AutomaticPlacement(length: 4096, address: 0x7F00_0000_1000)
      let place = try #require(areas.firstFit(wanted))
      #expect(place == UInt64(index) << 12)
      #expect(areas.insert(place...place + 4095, index) == nil)
    }
    areas.remove(startingAt: 77 << 12)
    #expect(areas.firstFit(try AutomaticPlacement(length: 1, address: 0x10_0001)) == 77 << 12 | 1)
    #expect(areas.firstFit(try AutomaticPlacement(length: 8192, address: 0)) == 5002 << 12)
    #expect(areas.firstFit(try AutomaticPlacement(length: 4096, address: 0)) == 77 << 12)
  }

  @Test(
    "what is looked for follows the length and the memory's address",
    arguments: [
      (1, 0, 1, 0), (4096, 0, 4096, 0), (4097, 0, 8192, 0), (4096, 0x7F00_0000_0800, 2048, 0x800),
      (1 << 30, 0, 2 << 20, 0), (1 << 30, 0x4000_0000, 2 << 20, 0),
      (3 << 20, 0x10_0000, 1 << 20, 0),
      (UInt64.max / 2 - 1, 0, 2 << 20, 0), (5, 3, 1, 3),
    ] as [(UInt64, UInt64, UInt64, UInt64)])
  func wanted(length: UInt64, address: UInt64, alignment: UInt64, offset: UInt64) throws {
    let wanted = try AutomaticPlacement(length: length, address: address)
    #expect(wanted.alignment == alignment && wanted.pageOffset == offset)
    #expect(
      try AutomaticPlacement(length: length, address: address, largestPage: 4096).alignment
        == min(alignment, 4096))
  }

  @Test("lengths that cannot be placed are refused", arguments: [0, .max / 2, .max] as [UInt64])
  func overflow(length: UInt64) {
    #expect(throws: LinuxErrno.EOVERFLOW) { try AutomaticPlacement(length: length, address: 0) }
  }

  @Test("a hole of one byte is not enough for one byte")
  func oneByte() throws {
    var areas = AreaMap<Int>()
    #expect(areas.insert(0...0x1FFF, 0) == nil && areas.insert(0x2001...0x2FFF, 0) == nil)
    let wanted = try AutomaticPlacement(length: 1, address: 0)
    #expect(areas.firstFit(wanted) == 0x3000)
    areas.remove(startingAt: 0x2001)
    #expect(areas.insert(0x2002...0x2FFF, 0) == nil && areas.firstFit(wanted) == 0x2000)
  }

  @Test("the lowest and the highest page are never used")
  func limits() throws {
    let page = try AutomaticPlacement(length: 4096, address: 0)
    var areas = AreaMap<Int>()
    #expect(areas.firstFit(page) == 0x1000)
    #expect(areas.firstFit(try AutomaticPlacement(length: .max / 2 - 1, address: 0)) == 2 << 20)
    #expect(areas.insert(0...0xFFFF_FFFF_FFFF_DFFF, 0) == nil)
    #expect(areas.firstFit(page) == 0xFFFF_FFFF_FFFF_E000)
    #expect(areas.insert(0xFFFF_FFFF_FFFF_E000...0xFFFF_FFFF_FFFF_E000, 0) == nil)
    #expect(areas.firstFit(page) == nil)
  }

  @Test("a full allow-list has no room, whatever is free elsewhere")
  func fullList() throws {
    var allowed = AllowList()
    try allowed.add(start: 0x10_0000, last: 0x10_1FFF)
    var areas = AreaMap<Int>()
    let wanted = try AutomaticPlacement(length: 4096, address: 0)
    for place in [0x10_0000, 0x10_1000] as [UInt64] {
      #expect(areas.firstFit(wanted, allowed: allowed) == place)
      #expect(areas.insert(place...place + 4095, 0) == nil)
    }
    #expect(areas.firstFit(wanted, allowed: allowed) == nil && areas.firstFit(wanted) == 0x1000)
  }
}
