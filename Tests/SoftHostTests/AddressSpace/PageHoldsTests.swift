import TestSupport
import Testing

@testable import SoftHost

@Suite("Pages that are held")
struct PageHoldsTests {
  @Test("Counts agree with a plain model", arguments: 0..<20)
  func model(_ seed: Int) {
    var random = SplitMix64(seed: UInt64(seed))
    var holds = PageHolds()
    var model: [Int: Int] = [:]
    var ranges: [Range<Int>] = []
    for _ in 0..<400 {
      if ranges.isEmpty || Bool.random(using: &random) {
        let first = Int.random(in: 0..<60, using: &random)
        let range = first..<first + Int.random(in: 1..<20, using: &random)
        #expect(holds.newPages(in: range) == range.count(where: { model[$0, default: 0] == 0 }))
        holds.add(range)
        ranges.append(range)
        for page in range { model[page, default: 0] += 1 }
      } else {
        let range = ranges.remove(at: Int.random(in: ranges.indices, using: &random))
        for page in range { model[page, default: 0] -= 1 }
        #expect(holds.remove(range) == range.count(where: { model[$0] == 0 }))
      }
      let held = Set(model.keys.filter { model[$0, default: 0] > 0 })
      #expect(holds.pageCount == held.count)
      #expect(Set(holds.held(in: 0..<100).joined()) == held)
    }
  }
}
