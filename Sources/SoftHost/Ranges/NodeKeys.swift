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
