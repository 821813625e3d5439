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
