import SoftHost
import TestSupport
import Testing

@Suite("A set of numbers")
struct NumberSetTests {
  /// Below what the numbers are drawn: one word, one node, several levels, everything.
  static let limits: [UInt32] = [64, 4096, 300_000, 1 << 31]

  @Test("answers as a plain set does", arguments: limits, 0..<3 as Range<UInt64>)
  func model(limit: UInt32, seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var (set, model) = (NumberSet(), Set<UInt32>())
    for step in 0..<4000 {
      let number = UInt32(truncatingIfNeeded: random.next()) % limit
      let isGrowing = step % 2000 < 1200
      if random.next() % 10 < (isGrowing ? 8 : 2) {
        #expect(set.insert(number) == model.insert(number).inserted)
      } else {
        let victim = isGrowing ? number : model.first ?? number
        #expect(set.remove(victim) == (model.remove(victim) != nil))
      }
      #expect(set.count == model.count && set.isEmpty == model.isEmpty)
      let from = UInt32(truncatingIfNeeded: random.next()) % limit
      #expect(set.contains(from) == model.contains(from))
      if step % 50 == 0 {
        #expect(set.first(from: from) == model.filter { $0 >= from }.min())
        #expect(set.firstAbsent(from: from) == (from...limit).first { !model.contains($0) })
        #expect(Array(set) == model.sorted())
      }
    }
    for number in model { #expect(set.remove(number) == true) }
    #expect(set.isEmpty && set.first(from: 0) == nil && set.firstAbsent(from: 9) == 9)
  }

  @Test("runs that fill words and nodes are passed over", arguments: [63, 64, 65, 4096, 300_000])
  func runs(length: UInt32) {
    var set = NumberSet()
    for number in 0..<length { set.insert(number) }
    #expect(set.firstAbsent(from: 0) == length && set.count == Int(length))
    set.insert(NumberSet.limit - 1)
    #expect(set.firstAbsent(from: 0) == length)
    #expect(set.first(from: length) == NumberSet.limit - 1)
    #expect(set.firstAbsent(from: NumberSet.limit - 1) == NumberSet.limit)
    set.remove(length / 2)
    #expect(set.firstAbsent(from: 0) == length / 2 && set.first(from: length / 2) != length / 2)
    for number in 0..<length { set.remove(number) }
    #expect(Array(set) == [NumberSet.limit - 1] && set.firstAbsent(from: 0) == 0)
  }

  @Test("the memory of removed members is used again")
  func reuse() {
    var set = NumberSet()
    for number in 0..<100_000 as Range<UInt32> { set.insert(number * 17) }
    // Lists of what is free grow once.
    for number in 0..<100_000 as Range<UInt32> { set.remove(number * 17) }
    let bytes = set.byteCount
    for number in 0..<100_000 as Range<UInt32> { set.insert(number * 17 + 5_000_000) }
    for number in 0..<100_000 as Range<UInt32> { set.remove(number * 17 + 5_000_000) }
    #expect(set.byteCount <= bytes + bytes / 8)
  }
}
