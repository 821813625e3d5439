/// A set of numbers below 2^31 that knows its lowest member and its lowest gap from any number on.
///
/// A tree of 64-bit words: a word of leaves for 64 numbers, and above them nodes that keep, for each
/// of 64 children, whether it has members and whether it is full. It is as high as the highest
/// number so far asks for, so every operation is at most six steps. Numbers that lie together take
/// a fifth of a byte each; a lone one takes about a kilobyte at worst. Nothing is allocated unless
/// an array grows.
public struct NumberSet: Sendable {
  /// One more than the highest number that can be a member: 2^31.
  @inlinable public static var limit: UInt32 { 1 << 31 }

  @usableFromInline var words: [UInt64] = []
  @usableFromInline var occupied: [UInt64] = []
  @usableFromInline var full: [UInt64] = []
  @usableFromInline var children: [Int32] = []
  @usableFromInline var unusedWords: [Int32] = []
  @usableFromInline var unusedNodes: [Int32] = []
  /// A word when `height` is 0; negative when there are no members.
  @usableFromInline var root: Int32 = -1
  @usableFromInline var height = 0
  @usableFromInline var members = 0

  /// Makes an empty set, which takes no memory.
  @inlinable public init() {}

  /// The number of members.
  @inlinable public var count: Int { members }

  /// Whether there are no members.
  @inlinable public var isEmpty: Bool { members == 0 }

  /// Removes all members and gives their memory back.
  public mutating func removeAll() { self = Self() }

  /// One more than the highest number that the tree has room for.
  @inlinable var capacity: Int { 1 << (6 &* (height &+ 1)) }

  @inlinable
  func slot(of number: Int, level: Int) -> Int { number >> (6 &* level) & 63 }

  /// Whether a number is a member.
  @inlinable
  public func contains(_ number: UInt32) -> Bool {
    guard let word = word(of: Int(number)) else { return false }
    return words[word] >> UInt64(number & 63) & 1 == 1
  }

  /// Which word a number would be in, if there is one.
  @inlinable @inline(__always)
  func word(of number: Int) -> Int? {
    guard root >= 0, number < capacity else { return nil }
    var node = Int(root)
    var shift = 6 &* height
    while shift > 0 {
      let child = children[node &* 64 &+ (number &>> shift) & 63]
      guard child >= 0 else { return nil }
      node = Int(child)
      shift &-= 6
    }
    return node
  }

  /// The bytes of the arrays that hold the members.
  public var byteCount: Int {
    8 * (words.capacity + occupied.capacity + full.capacity)
      + 4 * (children.capacity + unusedWords.capacity + unusedNodes.capacity)
  }
}
