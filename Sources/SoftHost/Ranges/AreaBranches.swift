/// The nodes of an ``AreaMap`` above its leaves: per node up to 64 children with their summaries.
@usableFromInline
struct AreaBranches: Sendable {
  @usableFromInline var words: [UInt64] = []
  @usableFromInline var counts: [Int32] = []
  @usableFromInline var unused: [Int32] = []

  @inlinable init() {}

  /// The slots of a node.
  @inlinable static var width: Int { 64 }
  /// The lowest and the highest address and the longest gap of a child, and its number.
  @inlinable static var shape: NodeShape { NodeShape(width: width, columns: 4) }
  /// The words of a node.
  @inlinable static var block: Int { shape.size }

  /// The number of a node's children.
  @inlinable func count(_ node: Int) -> Int { Int(counts[node]) }

  /// The child of a node that has the address, or would have an area that starts there.
  @inlinable
  func position(of address: UInt64, in node: Int) -> Int {
    let rank = NodeKeys.rank(of: address, in: words.span, at: node &* Self.block, blocks: 8)
    return max(min(rank, count(node)) &- 1, 0)
  }

  /// A child's number.
  @inlinable
  func child(_ position: Int, of node: Int) -> Int {
    Int(truncatingIfNeeded: words[node &* Self.block &+ 3 &* Self.width &+ position])
  }

  /// A child's summary.
  @inlinable
  func summary(ofChild position: Int, of node: Int) -> AreaSummary {
    let slot = node &* Self.block &+ position
    return AreaSummary(
      first: words[slot], last: words[slot &+ Self.width], gap: words[slot &+ 2 &* Self.width])
  }

  /// Stores a child's summary.
  @inlinable
  mutating func set(_ summary: AreaSummary, ofChild position: Int, of node: Int) {
    let slot = node &* Self.block &+ position
    words[slot] = summary.first
    words[slot &+ Self.width] = summary.last
    words[slot &+ 2 &* Self.width] = summary.gap
  }

  /// The length of the gap between a child and the one before.
  @inlinable
  func gap(before position: Int, in node: Int) -> UInt64 {
    let slot = node &* Self.block &+ position
    return words[slot] &- words[slot &+ Self.width &- 1] &- 1
  }

  /// The longest gap inside a child and beside it, up to its neighbours.
  @inlinable
  func gap(around position: Int, in node: Int) -> UInt64 {
    var result = words[node &* Self.block &+ 2 &* Self.width &+ position]
    if position > 0 { result = max(result, gap(before: position, in: node)) }
    if position &+ 1 < count(node) { result = max(result, gap(before: position &+ 1, in: node)) }
    return result
  }

  /// The longest gap between areas below a node; any that is `enough` or longer may be returned,
  /// when no other can be longer.
  @inlinable
  func longestGap(in node: Int, enough: UInt64 = .max) -> UInt64 {
    let base = node &* Self.block
    let end = base &+ count(node)
    let words = words.span
    var gap = words[base &+ 2 &* Self.width]
    var slot = base &+ 1
    while slot < end, gap < enough {
      let before = words[slot] &- words[slot &+ Self.width &- 1] &- 1
      gap = max(gap, max(words[slot &+ 2 &* Self.width], before))
      slot &+= 1
    }
    return gap
  }

  /// What a node that is not empty tells its parent, found by looking at every child.
  @inlinable
  func summary(of node: Int) -> AreaSummary {
    let base = node &* Self.block
    return AreaSummary(
      first: words[base], last: words[base &+ Self.width &+ count(node) &- 1],
      gap: longestGap(in: node))
  }

  /// A node without children.
  @inlinable
  mutating func make() -> Int {
    if let free = unused.popLast() { return Int(free) }
    words.append(contentsOf: repeatElement(NodeKeys.filler, count: Self.block))
    counts.append(0)
    return counts.count - 1
  }

  /// Gives back a node without children.
  @inlinable mutating func free(_ node: Int) { unused.append(Int32(node)) }

  /// Puts a child into a slot of a node that has room.
  @inlinable
  mutating func insert(_ child: Int32, _ summary: AreaSummary, at position: Int, in node: Int) {
    Self.shape.open(position, of: node, count: count(node), in: &words)
    words[node &* Self.block &+ 3 &* Self.width &+ position] = UInt64(child)
    counts[node] &+= 1
    set(summary, ofChild: position, of: node)
  }

  /// Takes a child out of a slot.
  @inlinable
  mutating func remove(at position: Int, in node: Int) {
    Self.shape.close(position, of: node, count: count(node), in: &words)
    counts[node] &-= 1
  }

  /// Moves the children from `position` on to the end of another node.
  @inlinable
  mutating func move(from node: Int, _ position: Int, to other: Int) {
    let moved = count(node) &- position
    Self.shape.move(
      position, of: node, count: count(node), to: other, count(other), in: &words)
    counts[node] &-= Int32(moved)
    counts[other] &+= Int32(moved)
  }
}
