extension AreaMap {
  /// The lowest place where a new area fits: Linux's rule of automatic placement.
  ///
  /// Holes are what neither an area nor a reserved range has. They are tried from low to high, each
  /// at one place (``AutomaticPlacement``), inside every allowed range, and never in the lowest or
  /// the highest page of all. Allowed ranges that touch count as one.
  ///
  /// Areas without a hole as long as wanted between them are passed over as a whole, so this costs
  /// O(log count) and a few steps for each hole that is long enough but, by its alignment or by
  /// reserved ranges in it, does not fit. At worst it looks at every area and every reserved range
  /// once, which is what Linux always does.
  ///
  /// - Returns: `nil` when nothing fits (`ENOSPC`).
  @inlinable
  public func firstFit(
    _ wanted: AutomaticPlacement, allowed: AllowList = AllowList(),
    avoiding reserved: ReservedRanges = ReservedRanges()
  ) -> UInt64? {
    let page = AutomaticPlacement.pageSize
    let limits = page...UInt64.max - page
    guard !allowed.isEmpty else { return firstFit(wanted, in: limits, avoiding: reserved) }
    var place = allowed.areas.cursor(reaching: limits.lowerBound)
    while let cursor = place {
      let range = allowed.areas.area(at: cursor).range
      var last = range.upperBound
      place = allowed.areas.cursor(after: cursor)
      while last < .max, let next = place, allowed.areas.start(at: next) == last + 1 {
        last = allowed.areas.last(at: next)
        place = allowed.areas.cursor(after: next)
      }
      guard range.lowerBound <= limits.upperBound else { return nil }
      let window = (range.lowerBound...last).clamped(to: limits)
      if let found = firstFit(wanted, in: window, avoiding: reserved) { return found }
    }
    return nil
  }

  @inlinable
  func firstFit(
    _ wanted: AutomaticPlacement, in window: ClosedRange<UInt64>, avoiding reserved: ReservedRanges
  ) -> UInt64? {
    // The first place in the window is where its holes start to count.
    guard let low = wanted.place(inHole: window.lowerBound, window.upperBound) else { return nil }
    var search = PlacementSearch(
      wanted, low: low, high: window.upperBound, index: reserved.index(reaching: low))
    guard root >= 0 else { return search.place(from: 0, to: .max, reserved) }
    if whole.first > low, let place = search.place(from: 0, to: whole.first - 1, reserved) {
      return place
    }
    if whole.gap >= wanted.length, whole.first <= search.high, whole.last > low,
      let place = firstFit(&search, under: Int(root), level: height, reserved)
    {
      return place
    }
    guard whole.last < search.high else { return nil }
    return search.place(from: whole.last + 1, to: .max, reserved)
  }

  @inlinable
  func firstFit(
    _ search: inout PlacementSearch, under node: Int, level: Int, _ reserved: ReservedRanges
  ) -> UInt64? {
    guard level > 0 else { return firstFit(&search, inLeaf: node, reserved) }
    let width = AreaBranches.width
    let base = node &* AreaBranches.block
    let words = branches.words.span
    let start = base &+ branches.position(of: search.low, in: node)
    let end = base &+ branches.count(node)
    let length = search.wanted.length
    for slot in start..<end {
      if slot > start {
        let (first, last) = (words[slot], words[slot &+ width &- 1])
        if first &- last &- 1 >= length,
          let place = search.place(from: last &+ 1, to: first &- 1, reserved)
        {
          return place
        }
        if first > search.high { return nil }
      }
      if words[slot &+ 2 &* width] >= length,
        let place = firstFit(
          &search, under: branches.child(slot &- base, of: node), level: level - 1, reserved)
      {
        return place
      }
    }
    return nil
  }

  @inlinable
  func firstFit(
    _ search: inout PlacementSearch, inLeaf leaf: Int, _ reserved: ReservedRanges
  ) -> UInt64? {
    let width = AreaLeaves<Value>.width
    let base = leaf &* AreaLeaves<Value>.block
    let words = leaves.words.span
    let end = base &+ leaves.count(leaf)
    let length = search.wanted.length
    // The gap before the leaf's first area is its parent's.
    var slot = base &+ Swift.max(leaves.rank(of: search.low, in: leaf), 1)
    while slot < end {
      let (first, last) = (words[slot], words[slot &+ width &- 1])
      if first &- last &- 1 >= length,
        let place = search.place(from: last &+ 1, to: first &- 1, reserved)
      {
        return place
      }
      if first > search.high { return nil }
      slot &+= 1
    }
    return nil
  }
}

/// A search from low to high for a place in one allowed range.
@usableFromInline
struct PlacementSearch {
  @usableFromInline let wanted: AutomaticPlacement
  @usableFromInline let low: UInt64
  @usableFromInline let high: UInt64
  /// The merged reserved ranges below this index end below every gap that is still to come.
  @usableFromInline var index: Int

  @inlinable
  init(_ wanted: AutomaticPlacement, low: UInt64, high: UInt64, index: Int) {
    self.wanted = wanted
    self.low = low
    self.high = high
    self.index = index
  }

  /// The place in a gap between areas, if there is one in a hole that reserved ranges leave.
  @inlinable
  mutating func place(from first: UInt64, to last: UInt64, _ reserved: ReservedRanges) -> UInt64? {
    var start = max(first, low)
    let end = min(last, high)
    while start <= end {
      while index < reserved.merged.count, reserved.merged[index].upperBound < start { index += 1 }
      guard index < reserved.merged.count, reserved.merged[index].lowerBound <= end else {
        return wanted.place(inHole: start, end)
      }
      let range = reserved.merged[index]
      if range.lowerBound > start,
        let place = wanted.place(inHole: start, range.lowerBound - 1)
      {
        return place
      }
      guard range.upperBound < end else { return nil }
      start = range.upperBound + 1
    }
    return nil
  }
}
