extension AreaMap {
  /// Adds an area, unless it overlaps one.
  ///
  /// - Parameters:
  ///   - range: The addresses, both ends included.
  ///   - value: What is stored with them.
  /// - Returns: `nil` when it was added; otherwise the range of the lowest area that is in the way,
  ///   and nothing changes.
  @inlinable
  public mutating func insert(
    _ range: ClosedRange<UInt64>, _ value: Value
  ) -> ClosedRange<UInt64>? {
    guard root >= 0 else {
      root = leaves.make(behind: NodeKeys.none, range, value)
      whole = AreaSummary(first: range.lowerBound, last: range.upperBound, gap: 0)
      areaCount &+= 1
      return nil
    }
    var summary = whole
    switch insert(range, value, under: Int(root), level: height, &summary) {
    case .refused: return first(overlapping: range)?.range
    case .done: break
    case .sibling(let sibling, let other):
      let node = branches.make()
      branches.insert(root, summary, at: 0, in: node)
      branches.insert(sibling, other, at: 1, in: node)
      summary = branches.summary(of: node)
      root = Int32(node)
      height += 1
    }
    whole = summary
    areaCount &+= 1
    return nil
  }

  @inlinable
  mutating func insert(
    _ range: ClosedRange<UInt64>, _ value: Value, under node: Int, level: Int,
    _ summary: inout AreaSummary
  ) -> AreaGrowth {
    guard level > 0 else { return insert(range, value, intoLeaf: node, &summary) }
    let position = branches.position(of: range.lowerBound, in: node)
    let child = branches.child(position, of: node)
    let before = branches.summary(ofChild: position, of: node)
    var after = before
    switch insert(range, value, under: child, level: level - 1, &after) {
    case .refused: return .refused
    case .done:
      if after != before { change(child: position, of: node, to: after, &summary) }
      return .done
    case .sibling(let sibling, let other):
      branches.set(after, ofChild: position, of: node)
      return insert(sibling, other, at: position + 1, in: node, &summary)
    }
  }

  /// Stores a child's changed summary, and works out the node's own without looking at all children
  /// when that is possible.
  @inlinable
  mutating func change(
    child position: Int, of node: Int, to new: AreaSummary, _ summary: inout AreaSummary
  ) {
    let before = branches.gap(around: position, in: node)
    branches.set(new, ofChild: position, of: node)
    let after = branches.gap(around: position, in: node)
    if position == 0 { summary.first = new.first }
    if position + 1 == branches.count(node) { summary.last = new.last }
    if after >= summary.gap {
      summary.gap = after
    } else if before == summary.gap {
      summary.gap = branches.longestGap(in: node, enough: before)
    }
  }

  /// Puts a new child into a branch, which splits when it is full.
  @inlinable
  mutating func insert(
    _ child: Int32, _ new: AreaSummary, at position: Int, in node: Int,
    _ summary: inout AreaSummary
  ) -> AreaGrowth {
    guard branches.count(node) == AreaBranches.width else {
      branches.insert(child, new, at: position, in: node)
      summary = branches.summary(of: node)
      return .done
    }
    let half = AreaBranches.width / 2
    let other = branches.make()
    branches.move(from: node, half, to: other)
    if position <= half {
      branches.insert(child, new, at: position, in: node)
    } else {
      branches.insert(child, new, at: position - half, in: other)
    }
    summary = branches.summary(of: node)
    return .sibling(Int32(other), branches.summary(of: other))
  }

  @inlinable
  mutating func insert(
    _ range: ClosedRange<UInt64>, _ value: Value, intoLeaf leaf: Int,
    _ summary: inout AreaSummary
  ) -> AreaGrowth {
    // Nothing overlaps when as many areas end before the range as start before its end. Neither
    // search waits for the other's memory.
    let position = leaves.count(endingBelow: range.lowerBound, in: leaf)
    guard leaves.rank(of: range.upperBound, in: leaf) == position else { return .refused }
    let count = leaves.count(leaf)
    let next = leaves.nexts[leaf]
    if position == count, next >= 0, leaves.start(0, of: Int(next)) <= range.upperBound {
      return .refused
    }
    if count < AreaLeaves<Value>.width {
      put(range, value, at: position, inLeaf: leaf, &summary)
      return .done
    }
    // Addresses that only ever grow fill the leaves.
    if position == count, next < 0 {
      let other = leaves.make(behind: Int32(leaf), range, value)
      return .sibling(
        other, AreaSummary(first: range.lowerBound, last: range.upperBound, gap: 0))
    }
    let half = AreaLeaves<Value>.width / 2
    let other = leaves.make(behind: Int32(leaf))
    leaves.move(from: leaf, half, to: Int(other))
    summary = leaves.summary(of: leaf)
    var second = leaves.summary(of: Int(other))
    if position <= half {
      put(range, value, at: position, inLeaf: leaf, &summary)
    } else {
      put(range, value, at: position - half, inLeaf: Int(other), &second)
    }
    return .sibling(other, second)
  }

  /// Puts an area into a leaf with room, and works out the leaf's summary without looking at every
  /// slot unless the area lies in the longest gap.
  @inlinable
  mutating func put(
    _ range: ClosedRange<UInt64>, _ value: Value, at position: Int, inLeaf leaf: Int,
    _ summary: inout AreaSummary
  ) {
    let count = leaves.count(leaf)
    var isLongest = false
    if position == 0 {
      summary.gap = Swift.max(summary.gap, summary.first &- range.upperBound &- 1)
      summary.first = range.lowerBound
    } else if position == count {
      summary.gap = Swift.max(summary.gap, range.lowerBound &- summary.last &- 1)
      summary.last = range.upperBound
    } else {
      isLongest = leaves.gap(before: position, in: leaf) == summary.gap
    }
    leaves.insert(at: position, in: leaf, range, value)
    if isLongest { summary.gap = leaves.longestGap(in: leaf, enough: summary.gap) }
  }
}

/// What an insertion did to a node.
@usableFromInline
enum AreaGrowth {
  /// Something overlaps; nothing changed.
  case refused
  case done
  /// The node was split; this one follows it.
  case sibling(Int32, AreaSummary)
}
