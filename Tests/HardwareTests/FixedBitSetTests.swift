import Hardware
import TestSupport
import Testing

/// The smallest and the sizes in use: one word, the dwords and the bytes of a config space.
@Suite("FixedBitSet behaves like a set of integers")
struct FixedBitSetTests {
  @Test(
    "every method, after every step of a random sequence", arguments: 1...8 as ClosedRange<UInt64>)
  func againstSet(seed: UInt64) {
    compare(FixedBitSet<1>.self, seed: seed)
    compare(FixedBitSet<2>.self, seed: seed)
    compare(FixedBitSet<16>.self, seed: seed)
  }

  @Test("inserting, removing, finding: every range of two words and a bit")
  func everyRange() {
    let full = all(of: FixedBitSet<3>.self)
    for low in 0..<130 {
      for high in low..<130 {
        var set = FixedBitSet<3>()
        set.insert(low...high)
        #expect(set.count == high - low + 1)
        #expect(set.first(from: 0) == low && set.last(through: 191) == high)
        #expect(set.contains(low...high) && set.intersects(high...high))
        #expect(!set.contains(low...high + 1) && !set.intersects(high + 1...191))
        #expect(low == 0 || !set.intersects(0...low - 1))
        var rest = full
        rest.remove(low...high)
        #expect(rest.count == 192 - set.count && !rest.intersects(low...high))
        rest.formUnion(set)
        #expect(rest == full)
      }
    }
  }

  @Test("searches beyond either end stop there")
  func beyondTheEnds() {
    var set = FixedBitSet<2>()
    #expect(set.first(from: -5) == nil && set.last(through: 500) == nil && set.isEmpty)
    #expect(set.runs.isEmpty && set.count == 0)
    set.insert(0)
    set.insert(127)
    #expect(set.first(from: -1) == 0 && set.first(from: .min) == 0)
    #expect(set.first(from: 128) == nil && set.first(from: .max) == nil)
    #expect(set.last(through: 128) == 127 && set.last(through: .max) == 127)
    #expect(set.last(through: -1) == nil && set.last(through: .min) == nil)
    #expect(set.runs == [0...0, 127...127])
    set.insert(1...127)
    #expect(set.runs == [0...127])
  }

  @Test("words are the members in blocks of 64")
  func words() {
    var set = FixedBitSet<2>()
    set[word: 1] = 1 << 63 | 1
    #expect(set.runs == [64...64, 127...127])
    set.insert(3)
    #expect(set[word: 0] == 8 && set[word: 1] == 1 << 63 | 1)
    #expect(FixedBitSet<2>.capacity == 128)
  }

  private func all<let words: Int>(of: FixedBitSet<words>.Type) -> FixedBitSet<words> {
    var set = FixedBitSet<words>()
    set.insert(0...FixedBitSet<words>.capacity - 1)
    return set
  }

  private func compare<let words: Int>(_ type: FixedBitSet<words>.Type, seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let capacity = FixedBitSet<words>.capacity
    var (a, b) = (FixedBitSet<words>(), FixedBitSet<words>())
    var (x, y): (Set<Int>, Set<Int>) = ([], [])
    func member() -> Int { Int.random(in: 0..<capacity, using: &generator) }
    // Ranges that start or end at a word's edge are where mistakes live.
    func edge() -> Int {
      let near = member() / 64 * 64 + Int.random(in: -1...1, using: &generator)
      return Bool.random(using: &generator) ? min(max(near, 0), capacity - 1) : member()
    }
    func range() -> ClosedRange<Int> {
      let (one, other) = (edge(), edge())
      return min(one, other)...max(one, other)
    }
    for _ in 0..<60 {
      let (single, wide) = (member(), range())
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: (a, x) = (inserting(single, into: a), x.union([single]))
      case 1: (a, x) = (inserting(wide, into: a), x.union(wide))
      case 2: (b, y) = (inserting(wide, into: b), y.union(wide))
      case 3:
        a.remove(wide)
        x.subtract(wide)
      case 4:
        a.formUnion(b)
        x.formUnion(y)
      case 5:
        a.formIntersection(b)
        x.formIntersection(y)
      case 6:
        a.subtract(b)
        x.subtract(y)
      default: (a, b, x, y) = (b, a, y, x)
      }
      check(a, x, probing: single, wide)
      #expect((a == b) == (x == y))
      #expect(a != b || a.hashValue == b.hashValue)
    }
  }

  private func inserting<let words: Int>(
    _ range: ClosedRange<Int>, into set: FixedBitSet<words>
  ) -> FixedBitSet<words> {
    var set = set
    set.insert(range)
    return set
  }

  private func inserting<let words: Int>(
    _ member: Int, into set: FixedBitSet<words>
  ) -> FixedBitSet<words> {
    var set = set
    set.insert(member)
    return set
  }

  private func check<let words: Int>(
    _ set: FixedBitSet<words>, _ members: Set<Int>, probing single: Int, _ wide: ClosedRange<Int>
  ) {
    let sorted = members.sorted()
    #expect(set.count == sorted.count && set.isEmpty == sorted.isEmpty)
    #expect(set.runs.flatMap { Array($0) } == sorted)
    // Runs are as long as can be: two never touch.
    #expect(zip(set.runs, set.runs.dropFirst()).allSatisfy { $0.upperBound + 1 < $1.lowerBound })
    #expect(set.contains(single) == members.contains(single))
    #expect(set.first(from: single) == sorted.first { $0 >= single })
    #expect(set.last(through: single) == sorted.last { $0 <= single })
    let absent = (0..<FixedBitSet<words>.capacity).filter { !members.contains($0) }
    #expect(
      set.firstAbsent(from: single) == absent.first { $0 >= single } ?? FixedBitSet<words>.capacity)
    #expect(set.lastAbsent(through: single) == absent.last { $0 <= single } ?? -1)
    #expect(set.intersects(wide) == sorted.contains { wide.contains($0) })
    #expect(set.contains(wide) == wide.allSatisfy { members.contains($0) })
  }
}
