/// The nodes of an ``AreaMap`` above its leaves: per node up to 64 children with their summaries.
@usableFromInline
struct AreaBranches: Sendable {
  @usableFromInline var firsts: [UInt64] = []
  @usableFromInline var lasts: [UInt64] = []
  @usableFromInline var gaps: [UInt64] = []
  @usableFromInline var children: [Int32] = []
  @usableFromInline var counts: [Int32] = []
  @usableFromInline var unused: [Int32] = []

  @inlinable init() {}

  /// The slots of a node.
  @inlinable static var width: Int { 64 }

  /// The number of a node's children.
  @inlinable func count(_ node: Int) -> Int { Int(counts[node]) }

  /// The child of a node that has the address, or would have an area that starts there.
  @inlinable
  func position(of address: UInt64, in node: Int) -> Int {
    let rank = min(
      NodeKeys.rank(of: address, in: firsts.span, at: node &* Self.width, blocks: 8), count(node))
    return max(rank &- 1, 0)
  }

  /// A child's number.
  @inlinable
  func child(_ position: Int, of node: Int) -> Int {
    Int(children[node &* Self.width &+ position])
  }

  /// A child's summary.
  @inlinable
  func summary(ofChild position: Int, of node: Int) -> AreaSummary {
    let slot = node &* Self.width &+ position
    return AreaSummary(first: firsts[slot], last: lasts[slot], gap: gaps[slot])
  }

  /// Stores a child's summary.
  @inlinable
  mutating func set(_ summary: AreaSummary, ofChild position: Int, of node: Int) {
    let slot = node &* Self.width &+ position
    firsts[slot] = summary.first
    lasts[slot] = summary.last
    gaps[slot] = summary.gap
  }

  /// The length of the gap between a child and the one before.
  @inlinable
  func gap(before position: Int, in node: Int) -> UInt64 {
    let slot = node &* Self.width &+ position
    return firsts[slot] &- lasts[slot &- 1] &- 1
  }

  /// The longest gap inside a child and beside it, up to its neighbours.
  @inlinable
  func gap(around position: Int, in node: Int) -> UInt64 {
    var result = gaps[node &* Self.width &+ position]
    if position > 0 { result = max(result, gap(before: position, in: node)) }
    if position &+ 1 < count(node) { result = max(result, gap(before: position &+ 1, in: node)) }
    return result
  }

  /// The longest gap between areas below a node; any that is `enough` or longer may be returned, when
  /// no other can be longer.
  @inlinable
  func longestGap(in node: Int, enough: UInt64 = .max) -> UInt64 {
    let base = node &* Self.width
    let end = base &+ count(node)
    let (firsts, lasts, gaps) = (self.firsts.span, self.lasts.span, self.gaps.span)
    var gap = gaps[base]
    var slot = base &+ 1
    while slot < end, gap < enough {
      gap = max(gap, max(gaps[slot], firsts[slot] &- lasts[slot &- 1] &- 1))
      slot &+= 1
    }
    return gap
  }

  /// What a node that is not empty tells its parent, found by looking at every child.
  @inlinable
  func summary(of node: Int) -> AreaSummary {
    let base = node &* Self.width
    return AreaSummary(
      first: firsts[base], last: lasts[base &+ count(node) &- 1], gap: longestGap(in: node))
  }

  /// A node without children.
  @inlinable
  mutating func make() -> Int {
    if let free = unused.popLast() { return Int(free) }
    firsts.append(contentsOf: repeatElement(NodeKeys.filler, count: Self.width))
    lasts.append(contentsOf: repeatElement(0, count: Self.width))
    gaps.append(contentsOf: repeatElement(0, count: Self.width))
    children.append(contentsOf: repeatElement(NodeKeys.none, count: Self.width))
    counts.append(0)
    return counts.count - 1
  }

  /// Gives back a node without children.
  @inlinable mutating func free(_ node: Int) { unused.append(Int32(node)) }

  /// Puts a child into a slot of a node that has room.
  @inlinable
  mutating func insert(_ child: Int32, _ summary: AreaSummary, at position: Int, in node: Int) {
    let base = node &* Self.width
    let (slot, end) = (base &+ position, base &+ count(node))
    NodeKeys.open(&firsts, at: slot, end: end)
    NodeKeys.open(&lasts, at: slot, end: end)
    NodeKeys.open(&gaps, at: slot, end: end)
    NodeKeys.open(&children, at: slot, end: end)
    children[slot] = child
    counts[node] &+= 1
    set(summary, ofChild: position, of: node)
  }

  /// Takes a child out of a slot.
  @inlinable
  mutating func remove(at position: Int, in node: Int) {
    let base = node &* Self.width
    let (slot, end) = (base &+ position, base &+ count(node))
    NodeKeys.close(&firsts, at: slot, end: end)
    NodeKeys.close(&lasts, at: slot, end: end)
    NodeKeys.close(&gaps, at: slot, end: end)
    NodeKeys.close(&children, at: slot, end: end)
    firsts[end &- 1] = NodeKeys.filler
    counts[node] &-= 1
  }

  /// Moves the children from `position` on to the end of another node.
  @inlinable
  mutating func move(from node: Int, _ position: Int, to other: Int) {
    let moved = count(node) &- position
    let source = node &* Self.width &+ position
    let target = other &* Self.width &+ count(other)
    NodeKeys.copy(&firsts, from: source, to: target, count: moved)
    NodeKeys.copy(&lasts, from: source, to: target, count: moved)
    NodeKeys.copy(&gaps, from: source, to: target, count: moved)
    NodeKeys.copy(&children, from: source, to: target, count: moved)
    NodeKeys.clear(&firsts, source..<source &+ moved)
    counts[node] &-= Int32(moved)
    counts[other] &+= Int32(moved)
  }
}
