/// How the nodes of an ``AreaMap`` keep their keys: in some slots of a flat array, ascending from the
/// front, the free slots filled with the highest number.
@usableFromInline
enum NodeKeys {
  /// What stands for no node.
  @inlinable static var none: Int32 { -1 }
  /// What free key slots hold.
  @inlinable static var filler: UInt64 { .max }

  /// The number of keys that are `key` or below, among all slots of a node.
  ///
  /// A sample from each block of eight, then the seven keys after one of them: all loads of a step are
  /// independent, so that a cold node costs about one trip to memory. A binary search would make
  /// several in a row.
  @inlinable @inline(__always)
  static func rank(of key: UInt64, in keys: Span<UInt64>, at start: Int, blocks: Int) -> Int {
    let slots = keys.extracting(start..<start &+ blocks &* 8)
    var block = 0
    for sample in 0..<blocks where slots[sample &* 8] <= key { block &+= 1 }
    guard block > 0 else { return 0 }
    let first = (block &- 1) &* 8
    var rank = first &+ 1
    let rest = slots.extracting(first &+ 1..<first &+ 8)
    for index in 0..<7 where rest[index] <= key { rank &+= 1 }
    return rank
  }

  /// Moves the elements of a node from `position` up by one, so that its slot is free.
  @inlinable
  static func open<T: BitwiseCopyable>(_ elements: inout [T], at position: Int, end: Int) {
    var span = elements.mutableSpan
    var index = end
    while index > position {
      span[index] = span[index &- 1]
      index &-= 1
    }
  }

  /// Moves the elements after `position` down by one, over it.
  @inlinable
  static func close<T: BitwiseCopyable>(_ elements: inout [T], at position: Int, end: Int) {
    var span = elements.mutableSpan
    var index = position &+ 1
    while index < end {
      span[index &- 1] = span[index]
      index &+= 1
    }
  }

  /// Copies elements between nodes.
  @inlinable
  static func copy<T: BitwiseCopyable>(
    _ elements: inout [T], from source: Int, to target: Int, count: Int
  ) {
    var span = elements.mutableSpan
    for index in 0..<count { span[target &+ index] = span[source &+ index] }
  }

  /// Makes slots free.
  @inlinable
  static func clear(_ keys: inout [UInt64], _ slots: Range<Int>) {
    var span = keys.mutableSpan
    for slot in slots { span[slot] = filler }
  }
}

/// What a node tells its parent.
@usableFromInline
struct AreaSummary: Equatable, Sendable {
  /// The lowest address of all its areas.
  @usableFromInline var first: UInt64
  /// The highest.
  @usableFromInline var last: UInt64
  /// The length of the longest gap between two of its areas.
  @usableFromInline var gap: UInt64

  @inlinable
  init(first: UInt64, last: UInt64, gap: UInt64) {
    self.first = first
    self.last = last
    self.gap = gap
  }
}
