/// The leaves of an ``AreaMap`` and the values of its areas.
///
/// A leaf is one block of words: where its areas start, where they end, and where their values are.
/// So a leaf that is not in a cache costs one trip to memory or a little more. Values stay where they
/// are while their areas move between slots and leaves.
@usableFromInline
struct AreaLeaves<Value: BitwiseCopyable> {
  @usableFromInline var words: [UInt64] = []
  @usableFromInline var counts: [Int32] = []
  @usableFromInline var nexts: [Int32] = []
  @usableFromInline var previouses: [Int32] = []
  @usableFromInline var unused: [Int32] = []
  @usableFromInline var values: [Value] = []
  @usableFromInline var unusedValues: [Int32] = []

  @inlinable init() {}

  /// The slots of a leaf.
  @inlinable static var width: Int { 32 }
  /// Where areas start, where they end, and where their values are.
  @inlinable static var shape: NodeShape { NodeShape(width: width, columns: 3) }
  /// The words of a leaf.
  @inlinable static var block: Int { shape.size }

  /// The used slots of a leaf.
  @inlinable func count(_ leaf: Int) -> Int { Int(counts[leaf]) }

  /// Where an area starts.
  @inlinable
  func start(_ position: Int, of leaf: Int) -> UInt64 { words[leaf &* Self.block &+ position] }

  /// Where an area ends.
  @inlinable
  func last(_ position: Int, of leaf: Int) -> UInt64 {
    words[leaf &* Self.block &+ Self.width &+ position]
  }

  /// Where an area's value is.
  @inlinable
  func place(_ position: Int, of leaf: Int) -> Int {
    Int(truncatingIfNeeded: words[leaf &* Self.block &+ 2 &* Self.width &+ position])
  }

  /// The number of areas in a leaf that start at `address` or below.
  @inlinable
  func rank(of address: UInt64, in leaf: Int) -> Int {
    let rank = NodeKeys.rank(of: address, in: words.span, at: leaf &* Self.block, blocks: 4)
    return min(rank, count(leaf))
  }

  /// The number of areas in a leaf that end below `address`.
  @inlinable
  func count(endingBelow address: UInt64, in leaf: Int) -> Int {
    NodeKeys.count(
      below: address, in: words.span, at: leaf &* Self.block &+ Self.width, blocks: 4)
  }

  /// A leaf with one area, linked behind another one.
  @inlinable
  mutating func make(
    behind previous: Int32, _ range: ClosedRange<UInt64>, _ value: Value
  ) -> Int32 {
    let leaf = make(behind: previous)
    insert(at: 0, in: Int(leaf), range, value)
    return leaf
  }

  /// An empty leaf, linked behind another one.
  @inlinable
  mutating func make(behind previous: Int32) -> Int32 {
    let leaf: Int32
    if let free = unused.popLast() {
      leaf = free
    } else {
      leaf = Int32(counts.count)
      words.append(contentsOf: repeatElement(NodeKeys.filler, count: Self.block))
      counts.append(0)
      nexts.append(NodeKeys.none)
      previouses.append(NodeKeys.none)
    }
    let next = previous < 0 ? NodeKeys.none : nexts[Int(previous)]
    link(previous, leaf)
    link(leaf, next)
    return leaf
  }

  /// Takes an empty leaf out of the order.
  @inlinable
  mutating func free(_ leaf: Int) {
    link(previouses[leaf], nexts[leaf])
    nexts[leaf] = NodeKeys.none
    previouses[leaf] = NodeKeys.none
    unused.append(Int32(leaf))
  }

  /// Makes two leaves neighbours; either may be none.
  @inlinable
  mutating func link(_ first: Int32, _ second: Int32) {
    if first >= 0 { nexts[Int(first)] = second }
    if second >= 0 { previouses[Int(second)] = first }
  }

  /// Puts an area into a slot of a leaf that has room.
  @inlinable
  mutating func insert(
    at position: Int, in leaf: Int, _ range: ClosedRange<UInt64>, _ value: Value
  ) {
    let place: Int
    if let free = unusedValues.popLast() {
      place = Int(free)
      values[place] = value
    } else {
      place = values.count
      values.append(value)
    }
    Self.shape.open(position, of: leaf, count: count(leaf), in: &words)
    let slot = leaf &* Self.block &+ position
    words[slot] = range.lowerBound
    words[slot &+ Self.width] = range.upperBound
    words[slot &+ 2 &* Self.width] = UInt64(place)
    counts[leaf] &+= 1
  }

  /// Takes the area out of a slot.
  @inlinable
  mutating func remove(at position: Int, in leaf: Int) {
    unusedValues.append(Int32(place(position, of: leaf)))
    Self.shape.close(position, of: leaf, count: count(leaf), in: &words)
    counts[leaf] &-= 1
  }

  /// Moves the areas from `position` on to the end of another leaf.
  @inlinable
  mutating func move(from leaf: Int, _ position: Int, to other: Int) {
    let moved = count(leaf) &- position
    Self.shape.move(
      position, of: leaf, count: count(leaf), to: other, count(other), in: &words)
    counts[leaf] &-= Int32(moved)
    counts[other] &+= Int32(moved)
  }

  /// The length of the gap before an area that is not the first of its leaf.
  @inlinable
  func gap(before position: Int, in leaf: Int) -> UInt64 {
    start(position, of: leaf) &- last(position &- 1, of: leaf) &- 1
  }

  /// The longest gap between areas of a leaf; any that is `enough` or longer may be returned, when no
  /// other can be longer.
  @inlinable
  func longestGap(in leaf: Int, enough: UInt64 = .max) -> UInt64 {
    let base = leaf &* Self.block
    let end = base &+ count(leaf)
    let words = words.span
    var gap: UInt64 = 0
    var slot = base &+ 1
    while slot < end, gap < enough {
      gap = max(gap, words[slot] &- words[slot &+ Self.width &- 1] &- 1)
      slot &+= 1
    }
    return gap
  }

  /// What a leaf that is not empty tells its parent, found by looking at every slot.
  @inlinable
  func summary(of leaf: Int) -> AreaSummary {
    AreaSummary(
      first: start(0, of: leaf), last: last(count(leaf) &- 1, of: leaf),
      gap: longestGap(in: leaf))
  }
}

extension AreaLeaves: Sendable where Value: Sendable {}
