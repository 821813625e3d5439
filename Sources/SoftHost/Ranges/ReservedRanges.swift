/// The I/O virtual addresses that devices and page tables keep for themselves.
///
/// Ranges of different owners, and of one owner, may overlap and repeat; an address is reserved as
/// long as one range has it. There are few, and they change when a device attaches or leaves: a
/// change costs O(count), a question O(log count).
public struct ReservedRanges: Sendable {
  @usableFromInline
  struct Entry: Sendable {
    @usableFromInline let range: ClosedRange<UInt64>
    @usableFromInline let owner: UInt64
  }

  /// Sorted by where they start.
  private var entries: [Entry] = []
  /// The same addresses as ranges that neither overlap nor touch, ascending.
  @usableFromInline private(set) var merged: [ClosedRange<UInt64>] = []

  /// Makes a set without ranges.
  public init() {}

  /// The number of ranges added and not removed.
  public var count: Int { entries.count }

  /// Whether no address is reserved.
  public var isEmpty: Bool { entries.isEmpty }

  /// Adds a range.
  ///
  /// - Parameters:
  ///   - range: The addresses, both ends included.
  ///   - owner: Whatever names the device or page table that wants them.
  public mutating func add(_ range: ClosedRange<UInt64>, owner: UInt64) {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].range.lowerBound <= range.lowerBound {
        low = middle + 1
      } else {
        high = middle
      }
    }
    entries.insert(Entry(range: range, owner: owner), at: low)
    merge()
  }

  /// Removes all ranges of an owner.
  ///
  /// - Returns: How many there were.
  @discardableResult
  public mutating func removeAll(of owner: UInt64) -> Int {
    let before = entries.count
    entries.removeAll { $0.owner == owner }
    if entries.count < before { merge() }
    return before - entries.count
  }

  /// Whether an address of a range is reserved.
  public func overlaps(_ range: ClosedRange<UInt64>) -> Bool {
    let index = index(reaching: range.lowerBound)
    return index < merged.count && merged[index].lowerBound <= range.upperBound
  }

  /// The reserved addresses as ranges that neither overlap nor touch, ascending.
  public var ranges: [ClosedRange<UInt64>] { merged }

  /// The addresses from 0 to 2^64 - 1 that are not reserved, as ranges that do not touch, ascending.
  ///
  /// This is what `IOMMU_IOAS_IOVA_RANGES` answers.
  public var gaps: [ClosedRange<UInt64>] {
    var result: [ClosedRange<UInt64>] = []
    result.reserveCapacity(merged.count + 1)
    var start: UInt64 = 0
    for range in merged {
      if range.lowerBound > start { result.append(start...range.lowerBound - 1) }
      guard range.upperBound < .max else { return result }
      start = range.upperBound + 1
    }
    result.append(start...UInt64.max)
    return result
  }

  /// The number of merged ranges that end below an address.
  @usableFromInline
  func index(reaching address: UInt64) -> Int {
    var (low, high) = (0, merged.count)
    while low < high {
      let middle = (low + high) / 2
      if merged[middle].upperBound < address { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func merge() {
    merged.removeAll(keepingCapacity: true)
    for entry in entries {
      let range = entry.range
      guard let end = merged.last?.upperBound,
        range.lowerBound <= end || range.lowerBound - 1 == end
      else {
        merged.append(range)
        continue
      }
      guard range.upperBound > end else { continue }
      merged[merged.count - 1] = merged[merged.count - 1].lowerBound...range.upperBound
    }
  }
}
