import HostABI
import SoftHost

/// The books of the software host: the areas of an address space, placement, numbers.
struct RangeRows {
  /// As much as a mapping has to remember.
  struct Mapping: BitwiseCopyable {
    var words: (UInt64, UInt64, UInt64, UInt64) = (1, 2, 3, 4)
  }

  typealias Areas = AreaMap<Mapping>

  let setup: Setup
  private let few = 1000
  private let many: Int
  private let operations: Int

  init(_ setup: Setup) {
    self.setup = setup
    many = setup.pairs == 1 ? 20_000 : 1_000_000
    operations = setup.pairs == 1 ? 1000 : 400_000
  }

  func measure(into table: inout Table) {
    memory(into: &table)
    changes(into: &table)
    placements(into: &table)
    numbers(into: &table)
  }

  // MARK: Memory

  /// What a million areas cannot do without: a read of a place that is in no cache.
  private func memory(into table: inout Table) {
    var random = SplitMix64(seed: 4)
    let (small, large) = (Self.cycle(1 << 10, &random), Self.cycle(1 << 23, &random))
    add(
      "memory: a read that has to wait for the one before, in 64 MiB", operations, to: &table,
      { Self.follow(large, operations) }, baseline: { Self.follow(small, operations) })
  }

  /// Numbers of which each names the next, in one round through all of them at random.
  private static func cycle(_ count: Int, _ random: inout SplitMix64) -> [Int] {
    var cycle = Array(0..<count)
    // Sattolo's shuffle: exactly one round.
    for index in stride(from: count - 1, to: 0, by: -1) {
      cycle.swapAt(index, Int(random.next() % UInt64(index)))
    }
    return cycle
  }

  private static func follow(_ cycle: [Int], _ count: Int) {
    var place = 0
    for _ in 0..<count { place = cycle[place] }
    precondition(place >= 0)
  }

  // MARK: Areas

  private func changes(into table: inout Table) {
    var random = SplitMix64(seed: 1)
    var (small, large) = (Self.scattered(few, &random), Self.scattered(many, &random))
    let smallPlaces = (0..<operations).map { _ in random.next() % UInt64(few) }
    let largePlaces = (0..<operations).map { _ in random.next() % UInt64(many) }
    var failures = 0
    add(
      "areas: insert a page at a random place and remove it, each", 2 * operations, limit: 400,
      ratio: 2, to: &table,
      { failures += Self.visit(&large, largePlaces) },
      baseline: { failures += Self.visit(&small, smallPlaces) })
    add(
      "areas: move a random page to another random place, each change", 2 * operations, limit: 400,
      to: &table,
      { failures += Self.move(&large, largePlaces) },
      baseline: { failures += Self.move(&small, smallPlaces) })
    add(
      "areas: look a random address up", operations, to: &table,
      { failures += Self.look(large, largePlaces) },
      baseline: { failures += Self.look(small, smallPlaces) })
    if failures != 0 || large.count != many || small.count != few { table.fail("areas") }
  }

  /// Areas of one page at every other page, added in random order.
  private static func scattered(_ count: Int, _ random: inout SplitMix64) -> Areas {
    var areas = Areas()
    for place in (0..<UInt64(count)).shuffled(using: &random) {
      _ = areas.insert(page(2 * place), Mapping())
    }
    return areas
  }

  private static func page(_ number: UInt64) -> ClosedRange<UInt64> {
    number << 12...number << 12 | 4095
  }

  // Functions of their own, because a captured variable is checked for exclusive access each time.
  private static func visit(_ areas: inout Areas, _ places: [UInt64]) -> Int {
    var failures = 0
    for place in places {
      let range = page(2 * place + 1)
      if areas.insert(range, Mapping()) != nil { failures += 1 }
      if areas.remove(startingAt: range.lowerBound) == nil { failures += 1 }
    }
    return failures
  }

  /// Moves a page out of the even places and the page moved before back into them.
  private static func move(_ areas: inout Areas, _ places: [UInt64]) -> Int {
    var failures = 0
    var away: UInt64?
    for place in places where place != away {
      if areas.remove(startingAt: page(2 * place).lowerBound) == nil { failures += 1 }
      if let away, areas.insert(page(2 * away), Mapping()) != nil { failures += 1 }
      away = place
    }
    if let away, areas.insert(page(2 * away), Mapping()) != nil { failures += 1 }
    return failures
  }

  private static func look(_ areas: Areas, _ places: [UInt64]) -> Int {
    var failures = 0
    for place in places where areas.area(containing: place << 13 | 77) == nil { failures += 1 }
    return failures
  }

  // MARK: Placement

  private func placements(into table: inout Table) {
    guard let page = try? AutomaticPlacement(length: 4096, address: 0x7F00_0000_1000),
      let huge = try? AutomaticPlacement(length: 2 << 20, address: 0x7F00_0020_0000)
    else { return table.fail("placement") }
    var (small, large) = (Areas(), Areas())
    for (count, wanted) in [(few, page), (many, page)] {
      var areas = Areas()
      for _ in 0..<count { _ = Self.place(&areas, wanted) }
      if count == few { small = areas } else { large = areas }
    }
    var failures = 0
    for (what, wanted) in [("4 KiB", page), ("2 MiB", huge)] {
      add(
        "placement: a place for \(what) behind packed pages, insert, remove", operations,
        limit: 1000, to: &table,
        { failures += Self.placeAndRemove(&large, wanted, operations) },
        baseline: { failures += Self.placeAndRemove(&small, wanted, operations) })
    }
    // Every other page is free: many holes, and all of them too short.
    var random = SplitMix64(seed: 2)
    var (smallHoles, largeHoles) = (Self.scattered(few, &random), Self.scattered(many, &random))
    add(
      "placement: a place for 2 MiB behind holes of a page, insert, remove", operations,
      limit: 1000, to: &table,
      { failures += Self.placeAndRemove(&largeHoles, huge, operations) },
      baseline: { failures += Self.placeAndRemove(&smallHoles, huge, operations) })
    if failures != 0 { table.fail("placement") }
  }

  private static func place(_ areas: inout Areas, _ wanted: AutomaticPlacement) -> UInt64? {
    guard let place = areas.firstFit(wanted),
      areas.insert(place...place + wanted.length - 1, Mapping()) == nil
    else { return nil }
    return place
  }

  private static func placeAndRemove(
    _ areas: inout Areas, _ wanted: AutomaticPlacement, _ count: Int
  ) -> Int {
    var failures = 0
    for _ in 0..<count {
      guard let place = place(&areas, wanted), areas.remove(startingAt: place) != nil else {
        failures += 1
        continue
      }
    }
    return failures
  }

  // MARK: Numbers

  private func numbers(into table: inout Table) {
    let (few, many) = (UInt32(1 << 10), UInt32(setup.pairs == 1 ? 1 << 14 : 1 << 20))
    var random = SplitMix64(seed: 3)
    let smallIDs = (0..<operations).map { _ in random.next32() % few }
    let largeIDs = (0..<operations).map { _ in random.next32() % many }
    var (small, large) = (IDAllocator(), IDAllocator())
    for _ in 0..<few { _ = try? small.allocate(in: 0...UInt32.max) }
    for _ in 0..<many { _ = try? large.allocate(in: 0...UInt32.max) }
    var failures = 0
    add(
      "identifiers: free one at random and take the lowest, each", 2 * operations, limit: 50,
      to: &table,
      { failures += Self.renew(&large, largeIDs) },
      baseline: { failures += Self.renew(&small, smallIDs) })
    let bytes = Double(large.byteCount) / Double(large.count)
    table.add("identifiers: memory of one", "\(bytes.short) bytes", bar: "< 16 bytes", bytes < 16)
    var map = PASIDMap<UInt64>()
    for pasid in 0..<many { map.updateValue(UInt64(pasid), for: pasid) }
    var smallMap = PASIDMap<UInt64>()
    for pasid in 0..<few { smallMap.updateValue(UInt64(pasid), for: pasid) }
    add(
      "PASIDs: look a random one up", operations, to: &table,
      { failures += Self.look(map, largeIDs) },
      baseline: { failures += Self.look(smallMap, smallIDs) })
    let entry = Double(map.byteCount) / Double(map.count)
    table.add("PASIDs: memory of one", "\(entry.short) bytes", bar: "< 24 bytes", entry < 24)
    if failures != 0 { table.fail("numbers") }
  }

  private static func renew(_ ids: inout IDAllocator, _ numbers: [UInt32]) -> Int {
    var failures = 0
    for number in numbers {
      let isFreed = ids.free(number)
      if !isFreed || (try? ids.allocate(in: 0...UInt32.max)) != number { failures += 1 }
    }
    return failures
  }

  private static func look(_ map: PASIDMap<UInt64>, _ numbers: [UInt32]) -> Int {
    var failures = 0
    for number in numbers where map[number] != UInt64(number) { failures += 1 }
    return failures
  }

  // MARK: The table

  /// Adds a row: a full structure against one with a thousand entries.
  private func add(
    _ what: String, _ count: Int, limit: Double? = nil, ratio: Double? = nil,
    to table: inout Table, _ body: () -> Void, baseline: () -> Void
  ) {
    let pairs = Pairs(setup.pairs, { seconds(body) }, { seconds(baseline) })
    let allocations = Allocations.count(body)
    let nanoseconds = 1e9 / Double(count)
    let median = pairs.a * nanoseconds
    var bars: [String] = []
    if let limit { bars.append("< \(limit.short) ns") }
    if let ratio { bars.append("<= \(ratio.times)") }
    let isMet = limit.map { median < $0 } ?? true && ratio.map { pairs.a / pairs.b <= $0 } ?? true
    table.add(
      "\(what); baseline: a thousand",
      "\(median.short) ns", baseline: "\((pairs.b * nanoseconds).short) ns",
      ratio: (pairs.a / pairs.b).times, bar: bars.isEmpty ? "-" : bars.joined(separator: ", "),
      bars.isEmpty ? nil : isMet)
    if Allocations.areCounted {
      table.add("the same: allocations", "\(allocations)", bar: "0", allocations == 0)
    }
  }
}
