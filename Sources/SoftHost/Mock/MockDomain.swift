import HostABI

/// The mock unit's page table: the mappings of its address space themselves.
final class MockDomain {
  /// The page table that it belongs to.
  weak var table: PagingHWPT?
  /// The smallest page in bytes.
  let pageSize: UInt64
  /// All page sizes as bits.
  let pageSizes: UInt64
  /// Whether writes are noted.
  private(set) var isTracking = false
  /// What was written: the size in bytes of each dirty leaf, by its first address.
  private var dirty: [UInt64: UInt64] = [:]

  init(pageSize: UInt64, pageSizes: UInt64) {
    self.pageSize = pageSize
    self.pageSizes = pageSizes
  }

  /// The host address that an I/O address leads to.
  func hostAddress(of iova: UInt64) -> UInt64? {
    guard let area = table?.ioas.area(at: iova), !area.pages.isRevoked else { return nil }
    return area.hostAddress(of: iova)
  }
}

// MARK: Dirty pages

extension MockDomain {
  /// Starts or stops noting writes; starting forgets what was noted.
  func setDirtyTracking(_ isOn: Bool) {
    if isOn { dirty.removeAll() }
    isTracking = isOn
  }

  /// Notes that a device wrote to an address of a mapping.
  func markDirty(_ iova: UInt64, in area: Area) {
    let leaf = leaf(at: iova, in: area)
    dirty[leaf.lowerBound] = leaf.upperBound - leaf.lowerBound + 1
  }

  /// The leaf that translates an address: a page of 4 KiB, or half of one where either side is not
  /// aligned to it.
  ///
  /// A table of the huge kind has leaves of its own size where huge pages are behind the mapping. A
  /// kernel may use larger leaves also where pages happen to lie one after the other.
  private func leaf(at iova: UInt64, in area: Area) -> ClosedRange<UInt64> {
    let huge = MockIOMMU.hugePageSize
    let first = iova & ~(huge - 1)
    if pageSizes & huge != 0, area.largestPage >= huge, first >= area.start,
      first | (huge - 1) <= area.last,
      (area.pages.pageOffset &+ area.pages.address &+ area.offset &- area.start) & (huge - 1) == 0
    {
      return first...(first | (huge - 1))
    }
    let page = iova & ~Page.mask
    let isAligned = (area.pages.pageOffset &+ area.offset &- area.start) & Page.mask == 0
    if isAligned, table?.ioas.usesHugePages ?? true, page >= area.start,
      page | Page.mask <= area.last
    {
      return page...(page | Page.mask)
    }
    let half = iova & ~(MockIOMMU.pageSize - 1)
    return half...(half | (MockIOMMU.pageSize - 1))
  }

  /// Forgets what was noted of a mapping that goes away.
  func forgetDirty(_ range: ClosedRange<UInt64>) {
    for start in starts(in: range) { dirty[start] = nil }
  }

  /// Tells the dirty leaves that touch a range, ascending: address and size in bytes.
  func forEachDirtyPage(
    _ range: ClosedRange<UInt64>, clearing: Bool, _ visit: (UInt64, UInt64) -> Void
  ) {
    for start in starts(in: range).sorted() {
      guard let size = dirty[start] else { continue }
      visit(start, size)
      if clearing { dirty[start] = nil }
    }
  }

  /// Where the dirty leaves start that touch a range.
  private func starts(in range: ClosedRange<UInt64>) -> [UInt64] {
    let halves = (range.upperBound - (range.lowerBound & ~Page.mask)) / MockIOMMU.pageSize
    guard halves < UInt64(dirty.count) else {
      return dirty.compactMap { start, size in
        start <= range.upperBound && start + (size - 1) >= range.lowerBound ? start : nil
      }
    }
    // A small range of a large table.
    let first = range.lowerBound & ~Page.mask
    return (0...halves).compactMap { half in
      let start = first + half * MockIOMMU.pageSize
      guard let size = dirty[start], start + (size - 1) >= range.lowerBound else { return nil }
      return start
    }
  }
}

/// A guest's table on the mock unit: four words that stand for cached translations.
final class MockNested {
  var words: [UInt32]

  init(word: UInt32) { words = Array(repeating: word, count: Int(MockIOMMU.cacheEntryCount)) }
}
