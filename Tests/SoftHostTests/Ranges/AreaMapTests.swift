import SoftHost
import TestSupport
import Testing

@Suite("An area map")
struct AreaMapTests {
  /// Areas in a plain array, in order, with the slow and obvious answers.
  struct Model {
    var areas: [(range: ClosedRange<UInt64>, value: UInt64)] = []

    func conflict(_ range: ClosedRange<UInt64>) -> ClosedRange<UInt64>? {
      areas.first { $0.range.overlaps(range) }?.range
    }

    mutating func insert(_ range: ClosedRange<UInt64>, _ value: UInt64) -> ClosedRange<UInt64>? {
      if let conflict = conflict(range) { return conflict }
      let index = areas.firstIndex { $0.range.lowerBound > range.lowerBound } ?? areas.count
      areas.insert((range, value), at: index)
      return nil
    }

    mutating func remove(startingAt start: UInt64) -> UInt64? {
      guard let index = areas.firstIndex(where: { $0.range.lowerBound == start }) else {
        return nil
      }
      return areas.remove(at: index).value
    }
  }

  /// How addresses are drawn: the more of them there are, the more rarely ranges meet.
  enum Space: CaseIterable {
    case crowded, pages, wide

    func address(_ random: inout SplitMix64) -> UInt64 {
      switch self {
      case .crowded: random.next() % 4096
      case .pages: random.next() % 100_000 << 12
      case .wide: random.next()
      }
    }

    func range(_ random: inout SplitMix64) -> ClosedRange<UInt64> {
      let start = address(&random)
      let length: UInt64 =
        switch self {
        case .crowded: random.next() % 3
        case .pages: (random.next() % 4 + 1) << 12 - 1
        case .wide: random.next() >> (random.next() % 64)
        }
      return start...(start.addingReportingOverflow(length).overflow ? .max : start + length)
    }
  }

  @Test("answers as a plain array does", arguments: Space.allCases, 0..<4 as Range<UInt64>)
  func model(space: Space, seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var (map, model) = (AreaMap<UInt64>(), Model())
    for step in 0..<6000 {
      // Mostly growing, then mostly shrinking, so that nodes split and join.
      let isGrowing = step % 3000 < 1800
      if random.next() % 10 < (isGrowing ? 8 : 2) {
        let range = space.range(&random)
        #expect(map.insert(range, UInt64(step)) == model.insert(range, UInt64(step)))
      } else {
        let areas = model.areas
        let known =
          areas.isEmpty
          ? 0
          : areas[Int(random.next() % UInt64(areas.count))].range
            .lowerBound
        let start = random.next() % 8 == 0 ? space.address(&random) : known
        let range = areas.first { $0.range.lowerBound == start }?.range
        let removed = map.remove(startingAt: start)
        #expect(removed?.value == model.remove(startingAt: start))
        #expect(removed?.range == range)
      }
      #expect(map.count == model.areas.count)
      if step % 97 == 0 { check(map, model, space, &random) }
    }
    for area in model.areas { #expect(map.remove(startingAt: area.range.lowerBound) != nil) }
    #expect(map.isEmpty && map.brokenInvariants.isEmpty && map.first == nil)
  }

  func check(
    _ map: AreaMap<UInt64>, _ model: Model, _ space: Space, _ random: inout SplitMix64
  ) {
    #expect(map.brokenInvariants.isEmpty)
    #expect(map.map(\.range) == model.areas.map(\.range))
    #expect(map.map(\.value) == model.areas.map(\.value))
    #expect(map.first?.range == model.areas.first?.range)
    for _ in 0..<8 {
      let address = space.address(&random)
      let at = model.areas.first { $0.range.contains(address) }
      #expect(map.area(containing: address)?.range == at?.range)
      #expect(map.area(containing: address)?.value == at?.value)
      let starting = model.areas.first { $0.range.lowerBound == address }
      #expect(map.area(startingAt: address)?.range == starting?.range)
      let next = model.areas.first { $0.range.lowerBound > address }
      #expect(map.next(after: address)?.range == next?.range)
      let range = space.range(&random)
      let overlapping = model.areas.filter { $0.range.overlaps(range) }.map(\.range)
      #expect(map.first(overlapping: range)?.range == overlapping.first)
      var seen: [ClosedRange<UInt64>] = []
      map.forEach(in: range) { seen.append($0.range) }
      #expect(seen == overlapping)
      #expect(map.areas(in: range).map(\.range) == overlapping)
    }
  }

  @Test("holds the lowest and the highest address")
  func edges() {
    var map = AreaMap<UInt64>()
    #expect(map.insert(0...0, 1) == nil)
    #expect(map.insert(UInt64.max...UInt64.max, 2) == nil)
    #expect(map.insert(UInt64.max - 1...UInt64.max, 3) == UInt64.max...UInt64.max)
    #expect(map.insert(0...UInt64.max, 3) == 0...0)
    #expect(map.insert(1...UInt64.max - 1, 4) == nil)
    #expect(map.map(\.value) == [1, 4, 2])
    #expect(map.area(containing: .max)?.value == 2 && map.area(containing: 0)?.value == 1)
    #expect(map.next(after: .max) == nil && map.next(after: .max - 1)?.value == 2)
    #expect(map.areas(in: UInt64.max...UInt64.max).map(\.value) == [2])
    #expect(map.brokenInvariants.isEmpty)
    map.removeAll()
    #expect(map.insert(0...UInt64.max, 5) == nil)
    #expect(map.insert(7...7, 6) == 0...UInt64.max)
    #expect(map.remove(startingAt: 1) == nil)
    #expect(map.remove(startingAt: 0)?.value == 5)
    #expect(map.isEmpty)
  }

  @Test("the highest address takes its place in a leaf with free slots and in a full one")
  func filler() {
    for below in [1, 63, 64, 65, 200] as [UInt64] {
      var map = AreaMap<UInt64>()
      for index in 0..<below { #expect(map.insert(index * 2...index * 2, index) == nil) }
      #expect(map.insert(UInt64.max...UInt64.max, below) == nil)
      #expect(map.insert(UInt64.max...UInt64.max, 0) == UInt64.max...UInt64.max)
      #expect(map.area(containing: .max)?.value == below)
      #expect(map.brokenInvariants.isEmpty)
      #expect(map.remove(startingAt: .max)?.value == below)
      #expect(map.area(containing: .max) == nil && map.count == Int(below))
    }
  }

  @Test("a value changes in place")
  func update() {
    func add(_ value: inout UInt64) -> UInt64 {
      value += 7
      return value
    }
    var map = AreaMap<UInt64>()
    for index in 0..<500 as Range<UInt64> {
      #expect(map.insert(index * 8...index * 8 + 3, 0) == nil)
    }
    #expect(map.update(startingAt: 80, add) == 7)
    #expect(map.update(startingAt: 81, add) == nil)
    #expect(map.area(containing: 83)?.value == 7)
    #expect(map.filter { $0.value != 0 }.count == 1)
  }

  @Test("copies are independent")
  func copies() {
    var map = AreaMap<UInt64>()
    for index in 0..<100 as Range<UInt64> { #expect(map.insert(index...index, index) == nil) }
    let copy = map
    for index in 0..<50 as Range<UInt64> { map.remove(startingAt: index * 2) }
    #expect(copy.count == 100 && copy.brokenInvariants.isEmpty)
    #expect(map.map(\.value) == (0..<50).map { $0 * 2 + 1 })
  }

  @Test("descending, ascending and inward insertion keep order", arguments: 0..<3)
  func patterns(pattern: Int) {
    var map = AreaMap<Int>()
    for index in 0..<20_000 {
      let place =
        switch pattern {
        case 0: index
        case 1: 20_000 - index
        default: index % 2 == 0 ? index : 40_000 - index
        }
      #expect(map.insert(UInt64(place) << 12...UInt64(place) << 12 + 4095, index) == nil)
    }
    #expect(map.count == 20_000 && map.brokenInvariants.isEmpty)
  }
}
