/// The leaves of an ``AreaMap``: per leaf 64 slots in each of three flat arrays, and the links that
/// put the leaves in order.
@usableFromInline
struct AreaLeaves<Value: BitwiseCopyable> {
  @usableFromInline var starts: [UInt64] = []
  @usableFromInline var lasts: [UInt64] = []
  @usableFromInline var values: [Value] = []
  @usableFromInline var counts: [Int32] = []
  @usableFromInline var nexts: [Int32] = []
  @usableFromInline var previouses: [Int32] = []
  @usableFromInline var unused: [Int32] = []

  @inlinable init() {}

  /// The used slots of a leaf.
  @inlinable func count(_ leaf: Int) -> Int { Int(counts[leaf]) }

  /// The number of areas in a leaf that start at `address` or below.
  @inlinable
  func rank(of address: UInt64, in leaf: Int) -> Int {
    min(NodeKeys.rank(of: address, in: starts.span, node: leaf), count(leaf))
  }

  /// A leaf with one area, linked behind another one.
  @inlinable
  mutating func make(
    behind previous: Int32, _ range: ClosedRange<UInt64>, _ value: Value
  ) -> Int32 {
    let leaf = make(behind: previous, filler: value)
    insert(at: 0, in: Int(leaf), range, value)
    return leaf
  }

  /// An empty leaf, linked behind another one.
  @inlinable
  mutating func make(behind previous: Int32, filler value: Value) -> Int32 {
    let leaf: Int32
    if let free = unused.popLast() {
      leaf = free
    } else {
      leaf = Int32(counts.count)
      starts.append(contentsOf: repeatElement(NodeKeys.filler, count: NodeKeys.width))
      lasts.append(contentsOf: repeatElement(0, count: NodeKeys.width))
      values.append(contentsOf: repeatElement(value, count: NodeKeys.width))
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
    let (previous, next) = (previouses[leaf], nexts[leaf])
    link(previous, next)
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
    let base = leaf &* NodeKeys.width
    let (slot, end) = (base &+ position, base &+ count(leaf))
    NodeKeys.open(&starts, at: slot, end: end)
    NodeKeys.open(&lasts, at: slot, end: end)
    NodeKeys.open(&values, at: slot, end: end)
    starts[slot] = range.lowerBound
    lasts[slot] = range.upperBound
    values[slot] = value
    counts[leaf] &+= 1
  }

  /// Takes the area out of a slot.
  @inlinable
  mutating func remove(at position: Int, in leaf: Int) {
    let base = leaf &* NodeKeys.width
    let (slot, end) = (base &+ position, base &+ count(leaf))
    NodeKeys.close(&starts, at: slot, end: end)
    NodeKeys.close(&lasts, at: slot, end: end)
    NodeKeys.close(&values, at: slot, end: end)
    starts[end &- 1] = NodeKeys.filler
    counts[leaf] &-= 1
  }

  /// Moves the areas from `position` on to the end of another leaf.
  @inlinable
  mutating func move(from leaf: Int, _ position: Int, to other: Int) {
    let moved = count(leaf) &- position
    let source = leaf &* NodeKeys.width &+ position
    let target = other &* NodeKeys.width &+ count(other)
    NodeKeys.copy(&starts, from: source, to: target, count: moved)
    NodeKeys.copy(&lasts, from: source, to: target, count: moved)
    NodeKeys.copy(&values, from: source, to: target, count: moved)
    NodeKeys.clear(&starts, source..<source &+ moved)
    counts[leaf] &-= Int32(moved)
    counts[other] &+= Int32(moved)
  }

  /// The length of the gap before a slot that is not the first of its leaf.
  @inlinable
  func gap(before position: Int, in leaf: Int) -> UInt64 {
    let slot = leaf &* NodeKeys.width &+ position
    return starts[slot] &- lasts[slot &- 1] &- 1
  }

  /// What a leaf that is not empty tells its parent, found by looking at every slot.
  @inlinable
  func summary(of leaf: Int) -> AreaSummary {
    let base = leaf &* NodeKeys.width
    let end = base &+ count(leaf)
    let (starts, lasts) = (self.starts.span, self.lasts.span)
    var gap: UInt64 = 0
    var slot = base &+ 1
    while slot < end {
      gap = max(gap, starts[slot] &- lasts[slot &- 1] &- 1)
      slot &+= 1
    }
    return AreaSummary(first: starts[base], last: lasts[end &- 1], gap: gap)
  }
}

extension AreaLeaves: Sendable where Value: Sendable {}
