/// Durations counted by size: 16 steps a doubling, so that a median is right within 7 %.
///
/// Its size does not grow with the number of durations.
struct DurationHistogram: Hashable, Sendable {
  private var counts: [Int: Int] = [:]
  private(set) var count = 0
  private(set) var maximum: UInt64 = 0
  private(set) var total: UInt64 = 0

  mutating func add(_ value: UInt64) {
    counts[Self.step(of: value), default: 0] += 1
    count += 1
    maximum = max(maximum, value)
    total &+= value
  }

  /// The least value that at least half of all values reach or stay under, within a step.
  var median: UInt64 {
    var below = 0
    for (step, number) in counts.sorted(by: { $0.key < $1.key }) {
      below += number
      if 2 * below >= count { return min(Self.value(of: step), maximum) }
    }
    return 0
  }

  private static func step(of value: UInt64) -> Int {
    guard value >= 16 else { return Int(value) }
    let exponent = 63 - value.leadingZeroBitCount
    return exponent << 4 | Int(value >> UInt64(exponent - 4) & 15)
  }

  /// The middle of a step.
  private static func value(of step: Int) -> UInt64 {
    // Steps below 16 hold one value each; the first exponent that is encoded is 4.
    guard step >= 64 else { return UInt64(step) }
    let exponent = UInt64(step >> 4)
    return (16 | UInt64(step & 15)) << (exponent - 4) &+ (1 << (exponent - 4)) / 2
  }
}
