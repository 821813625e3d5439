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

  /// The number of keys that are below `key`, among all slots of a node, found in the same way.
  @inlinable @inline(__always)
  static func count(below key: UInt64, in keys: Span<UInt64>, at start: Int, blocks: Int) -> Int {
    key == 0 ? 0 : rank(of: key &- 1, in: keys, at: start, blocks: blocks)
  }
}

/// A node of an ``AreaMap``: some columns of words, one behind the other, each with as many slots.
@usableFromInline
struct NodeShape {
  @usableFromInline let width: Int
  @usableFromInline let columns: Int

  @inlinable
  init(width: Int, columns: Int) {
    self.width = width
    self.columns = columns
  }

  /// The words of a node.
  @inlinable var size: Int { width &* columns }

  /// Frees a slot by moving what is in it and behind it up by one.
  @inlinable @inline(__always)
  func open(_ position: Int, of node: Int, count: Int, in words: inout [UInt64]) {
    var words = words.mutableSpan
    var start = node &* size
    for _ in 0..<columns {
      var slot = start &+ count
      while slot > start &+ position {
        words[slot] = words[slot &- 1]
        slot &-= 1
      }
      start &+= width
    }
  }

  /// Moves what is behind a slot down by one, over it.
  @inlinable @inline(__always)
  func close(_ position: Int, of node: Int, count: Int, in words: inout [UInt64]) {
    var words = words.mutableSpan
    var start = node &* size
    for _ in 0..<columns {
      var slot = start &+ position &+ 1
      while slot < start &+ count {
        words[slot &- 1] = words[slot]
        slot &+= 1
      }
      words[slot &- 1] = NodeKeys.filler
      start &+= width
    }
  }

  /// Moves the slots from `position` on behind those of another node.
  @inlinable
  func move(
    _ position: Int, of node: Int, count: Int, to other: Int, _ otherCount: Int,
    in words: inout [UInt64]
  ) {
    var words = words.mutableSpan
    for column in 0..<columns {
      let source = node &* size &+ column &* width
      let target = other &* size &+ column &* width &+ otherCount &- position
      for slot in position..<count {
        words[target &+ slot] = words[source &+ slot]
        words[source &+ slot] = NodeKeys.filler
      }
    }
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
