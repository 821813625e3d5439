/// How often each page of a mapping's pages is held: a page is charged while it is held at all.
struct PageHolds {
  /// How many ranges are held.
  private var rangeCount = 0
  /// The only range, as long as there are no counts.
  private var only = 0..<0
  /// How often each page is held, made when a second range comes, which is rare.
  private var counts: [UInt32] = []
  /// How many pages are held.
  private(set) var pageCount = 0

  /// How many pages of a range are not held yet.
  func newPages(in range: Range<Int>) -> Int {
    if counts.isEmpty { return range.count - only.clamped(to: range).count }
    return range.reduce(0) { $0 + (count(of: $1) == 0 ? 1 : 0) }
  }

  /// Holds the pages of a range.
  mutating func add(_ range: Range<Int>) {
    rangeCount += 1
    guard rangeCount > 1 || !counts.isEmpty else {
      only = range
      pageCount = range.count
      return
    }
    if counts.isEmpty {
      grow(to: max(only.upperBound, range.upperBound))
      for page in only { counts[page] = 1 }
    }
    grow(to: range.upperBound)
    for page in range {
      if counts[page] == 0 { pageCount += 1 }
      counts[page] += 1
    }
  }

  /// Lets the pages of a range go, which was added before.
  ///
  /// - Returns: How many pages nobody holds any more.
  mutating func remove(_ range: Range<Int>) -> Int {
    let before = pageCount
    rangeCount -= 1
    if rangeCount == 0 {
      self = Self()
      return before
    }
    for page in range {
      counts[page] -= 1
      if counts[page] == 0 { pageCount -= 1 }
    }
    return before - pageCount
  }

  /// The parts of a range that are held, ascending.
  func held(in range: Range<Int>) -> [Range<Int>] {
    if counts.isEmpty {
      let part = only.clamped(to: range)
      return part.isEmpty ? [] : [part]
    }
    var parts: [Range<Int>] = []
    for page in range where count(of: page) > 0 {
      if let last = parts.last, last.upperBound == page {
        parts[parts.count - 1] = last.lowerBound..<page + 1
      } else {
        parts.append(page..<page + 1)
      }
    }
    return parts
  }

  private func count(of page: Int) -> UInt32 { page < counts.count ? counts[page] : 0 }

  private mutating func grow(to count: Int) {
    if counts.count < count {
      counts.append(contentsOf: repeatElement(0, count: count - counts.count))
    }
  }
}
