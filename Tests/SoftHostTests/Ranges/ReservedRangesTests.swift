import HostABI
import SoftHost
import TestSupport
import Testing

@Suite("Reserved ranges")
struct ReservedRangesTests {
  @Test("a small space answers as a set of addresses does", arguments: 0..<8 as Range<UInt64>)
  func model(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var (ranges, model) = (ReservedRanges(), [(range: ClosedRange<UInt64>, owner: UInt64)]())
    for _ in 0..<600 {
      let owner = random.next() % 12
      if random.next() % 4 > 0 {
        let start = random.next() % 250
        let range = start...start + random.next() % 6
        ranges.add(range, owner: owner)
        model.append((range, owner))
      } else {
        #expect(ranges.removeAll(of: owner) == model.count { $0.owner == owner })
        model.removeAll { $0.owner == owner }
      }
      #expect(ranges.count == model.count && ranges.isEmpty == model.isEmpty)
      let taken = Set(model.flatMap { Array($0.range) })
      #expect(Set(ranges.ranges.flatMap { Array($0) }) == taken)
      let gaps = ranges.gaps
      #expect(gaps.last?.upperBound == .max)
      let free = gaps.flatMap { Array($0.clamped(to: 0...300)) }.filter { !taken.contains($0) }
      #expect(free.count == 301 - taken.count)
      for (range, next) in zip(gaps, gaps.dropFirst()) {
        #expect(range.upperBound + 1 < next.lowerBound)
      }
      let start = random.next() % 260
      let probe = start...start + random.next() % 4
      #expect(ranges.overlaps(probe) == probe.contains { taken.contains($0) })
    }
  }

  @Test("the ends of the space")
  func edges() {
    var ranges = ReservedRanges()
    #expect(ranges.gaps == [0...UInt64.max] && !ranges.overlaps(0...UInt64.max))
    ranges.add(0...0, owner: 1)
    ranges.add(UInt64.max...UInt64.max, owner: 2)
    #expect(ranges.gaps == [1...UInt64.max - 1])
    ranges.add(0...UInt64.max, owner: 3)
    #expect(ranges.gaps == [] && ranges.ranges == [0...UInt64.max])
    #expect(ranges.overlaps(5...5))
    #expect(ranges.removeAll(of: 3) == 1)
    #expect(ranges.removeAll(of: 3) == 0)
    #expect(ranges.removeAll(of: 2) == 1)
    #expect(ranges.gaps == [1...UInt64.max])
  }

  @Test("a window that two devices reserve stays until both leave")
  func owners() {
    var ranges = ReservedRanges()
    for owner in 1...2 as ClosedRange<UInt64> {
      ranges.add(0xFEE0_0000...0xFEEF_FFFF, owner: owner)
    }
    #expect(ranges.gaps == [0...0xFEDF_FFFF, 0xFEF0_0000...UInt64.max])
    ranges.removeAll(of: 1)
    #expect(ranges.overlaps(0xFEE0_1000...0xFEE0_1FFF))
    ranges.removeAll(of: 2)
    #expect(ranges.gaps == [0...UInt64.max])
  }
}

@Suite("An allow-list")
struct AllowListTests {
  @Test(
    "refuses what Linux refuses and keeps the old entries",
    arguments: [
      ([(5, 5)], .EINVAL), ([(6, 5)], .EINVAL), ([(0, 9), (9, 12)], .EINVAL),
      ([(20, 30), (0, 40)], .EINVAL), ([(0, 9), (95, 100)], .EADDRINUSE),
      ([(100, 200), (7, 7)], .EINVAL), ([(0, .max)], .EADDRINUSE),
    ] as [([(UInt64, UInt64)], LinuxErrno)])
  func refusals(entries: [(UInt64, UInt64)], error: LinuxErrno) throws {
    var reserved = ReservedRanges()
    reserved.add(100...199, owner: 1)
    var list = AllowList()
    try list.replace(with: [(50, 60), (10, 20)], avoiding: reserved)
    #expect(throws: error) {
      try list.replace(with: entries.map { (start: $0.0, last: $0.1) }, avoiding: reserved)
    }
    #expect(list.ranges == [10...20, 50...60] && list.count == 2)
    #expect(list.overlaps(20...21) && !list.overlaps(21...49))
    try list.replace(with: [], avoiding: reserved)
    #expect(list.isEmpty && !list.overlaps(0...UInt64.max))
  }
}
