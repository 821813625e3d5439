import HostABI

/// The mappings of a client, by address; none overlaps another.
struct MappingTable {
  private(set) var ranges: [ClosedRange<UInt64>] = []

  /// The index of the first mapping that ends at an address or behind it.
  private func index(of address: UInt64) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < address { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Whether a mapping would overlap another.
  func overlaps(_ range: ClosedRange<UInt64>) -> Bool {
    let index = index(of: range.lowerBound)
    return index < ranges.count && ranges[index].lowerBound <= range.upperBound
  }

  /// Notes a mapping that overlaps nothing.
  mutating func insert(_ range: ClosedRange<UInt64>) {
    ranges.insert(range, at: index(of: range.lowerBound))
  }

  /// The mappings that are wholly in a range, as indices; `nil` when the range cuts one.
  func whole(in range: ClosedRange<UInt64>) -> Range<Int>? {
    let first = index(of: range.lowerBound)
    var end = first
    while end < ranges.count, ranges[end].lowerBound <= range.upperBound {
      guard ranges[end].lowerBound >= range.lowerBound,
        ranges[end].upperBound <= range.upperBound
      else { return nil }
      end += 1
    }
    return first..<end
  }

  /// Forgets mappings.
  mutating func remove(_ indices: Range<Int>) { ranges.removeSubrange(indices) }
}
