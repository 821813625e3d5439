extension AreaMap {
  /// Removes the area that starts at an address.
  ///
  /// - Returns: The area; `nil` when none starts there.
  @inlinable
  @discardableResult
  public mutating func remove(startingAt start: UInt64) -> Area? {
    guard root >= 0 else { return nil }
    var summary = whole
    guard let area = remove(start, under: Int(root), level: height, &summary) else { return nil }
    whole = summary
    areaCount &-= 1
    guard count > 0 else {
      dropRoot()
      return area
    }
    while height > 0, branches.count(Int(root)) == 1 {
      let node = Int(root)
      root = Int32(branches.child(0, of: node))
      branches.remove(at: 0, in: node)
      branches.free(node)
      height -= 1
    }
    return area
  }

  /// Gives the root back, which has become empty.
  @inlinable
  mutating func dropRoot() {
    if height == 0 { leaves.free(Int(root)) } else { branches.free(Int(root)) }
    root = NodeKeys.none
    height = 0
  }

  @inlinable
  mutating func remove(
    _ start: UInt64, under node: Int, level: Int, _ summary: inout AreaSummary
  ) -> Area? {
    guard level > 0 else { return remove(start, fromLeaf: node, &summary) }
    let position = branches.position(of: start, in: node)
    let child = branches.child(position, of: node)
    let before = branches.summary(ofChild: position, of: node)
    var after = before
    guard let area = remove(start, under: child, level: level - 1, &after) else { return nil }
    // A child with less than a quarter looks for a neighbour to join.
    if count(of: child, level: level - 1) < width(level: level - 1) / 4 {
      branches.set(after, ofChild: position, of: node)
      tidy(child: position, of: node, level: level)
      if branches.count(node) > 0 { summary = branches.summary(of: node) }
    } else if after != before {
      change(child: position, of: node, to: after, &summary)
    }
    return area
  }

  @inlinable
  mutating func remove(
    _ start: UInt64, fromLeaf leaf: Int, _ summary: inout AreaSummary
  ) -> Area? {
    let position = leaves.rank(of: start, in: leaf) - 1
    guard position >= 0, leaves.start(position, of: leaf) == start else { return nil }
    let area = area(at: AreaCursor(leaf: leaf, position: position))
    let end = leaves.count(leaf) - 1
    var isLongest = false
    if end == 0 {
      // An empty leaf has no summary; whoever asked gives it back.
    } else if position == 0 {
      isLongest = leaves.gap(before: 1, in: leaf) == summary.gap
      summary.first = leaves.start(1, of: leaf)
    } else if position == end {
      isLongest = leaves.gap(before: end, in: leaf) == summary.gap
      summary.last = leaves.last(position &- 1, of: leaf)
    } else {
      let gap = leaves.start(position &+ 1, of: leaf) &- leaves.last(position &- 1, of: leaf) &- 1
      summary.gap = Swift.max(summary.gap, gap)
    }
    leaves.remove(at: position, in: leaf)
    if isLongest { summary.gap = leaves.longestGap(in: leaf, enough: summary.gap) }
    return area
  }

  @inlinable
  func count(of node: Int, level: Int) -> Int {
    level == 0 ? leaves.count(node) : branches.count(node)
  }

  @inlinable
  func width(level: Int) -> Int { level == 0 ? AreaLeaves<Value>.width : AreaBranches.width }

  /// Gives a child back that has become empty, or joins one that has little with a neighbour that
  /// has room for it.
  @inlinable
  mutating func tidy(child position: Int, of node: Int, level: Int) {
    let own = count(of: branches.child(position, of: node), level: level - 1)
    if own == 0 {
      drop(child: position, of: node, level: level)
    } else if position + 1 < branches.count(node), hasRoom(own, position + 1, node, level) {
      join(child: position, of: node, level: level)
    } else if position > 0, hasRoom(own, position - 1, node, level) {
      join(child: position - 1, of: node, level: level)
    }
  }

  @inlinable
  func hasRoom(_ more: Int, _ position: Int, _ node: Int, _ level: Int) -> Bool {
    let count = count(of: branches.child(position, of: node), level: level - 1)
    // Not quite full, so that they do not split again soon.
    return count + more <= width(level: level - 1) / 4 * 3
  }

  /// Takes an empty child out of a branch.
  @inlinable
  mutating func drop(child position: Int, of node: Int, level: Int) {
    let child = branches.child(position, of: node)
    branches.remove(at: position, in: node)
    if level == 1 { leaves.free(child) } else { branches.free(child) }
  }

  /// Moves all of the next child into a child.
  @inlinable
  mutating func join(child position: Int, of node: Int, level: Int) {
    let child = branches.child(position, of: node)
    let next = branches.child(position + 1, of: node)
    if level == 1 {
      leaves.move(from: next, 0, to: child)
      branches.set(leaves.summary(of: child), ofChild: position, of: node)
    } else {
      branches.move(from: next, 0, to: child)
      branches.set(branches.summary(of: child), ofChild: position, of: node)
    }
    drop(child: position + 1, of: node, level: level)
  }
}
