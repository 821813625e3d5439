/// A set of small integers as bits held inline: no allocation, whole words at a time.
///
/// `FixedBitSet<64>` holds 0 to 4,095: one bit for each byte of a PCIe config space.
@frozen
public struct FixedBitSet<let words: Int>: Sendable {
  /// The bits, lowest member first.
  @usableFromInline var storage: InlineArray<words, UInt64>

  /// The number of integers that could be members.
  @inlinable
  public static var capacity: Int { words * 64 }

  /// An empty set.
  @inlinable
  public init() { storage = .init(repeating: 0) }

  /// The members `64 * index` to `64 * index + 63` as the bits of a word.
  @inlinable
  public subscript(word index: Int) -> UInt64 {
    get { storage[index] }
    set { storage[index] = newValue }
  }

  /// Whether `member` is in the set.
  @inlinable
  public func contains(_ member: Int) -> Bool { storage[member >> 6] >> (member & 63) & 1 == 1 }

  /// Adds one member.
  @inlinable
  public mutating func insert(_ member: Int) { storage[member >> 6] |= 1 << (member & 63) }

  /// Adds every member of a range; a range that exceeds the capacity is a bug of ours and traps.
  @inlinable
  public mutating func insert(_ range: ClosedRange<Int>) {
    let (first, last) = (range.lowerBound >> 6, range.upperBound >> 6)
    let low = UInt64.max << (range.lowerBound & 63)
    let high = UInt64.max >> (63 - range.upperBound & 63)
    guard first != last else {
      storage[first] |= low & high
      return
    }
    storage[first] |= low
    var word = first + 1
    while word < last {
      storage[word] = .max
      word += 1
    }
    storage[last] |= high
  }

  /// Removes every member of a range.
  @inlinable
  public mutating func remove(_ range: ClosedRange<Int>) {
    var removed = Self()
    removed.insert(range)
    subtract(removed)
  }

  /// Adds the members of another set.
  @inlinable
  public mutating func formUnion(_ other: Self) {
    for word in 0..<words { storage[word] |= other.storage[word] }
  }

  /// Keeps only the members that another set has as well.
  @inlinable
  public mutating func formIntersection(_ other: Self) {
    for word in 0..<words { storage[word] &= other.storage[word] }
  }

  /// Removes the members of another set.
  @inlinable
  public mutating func subtract(_ other: Self) {
    for word in 0..<words { storage[word] &= ~other.storage[word] }
  }

  /// Whether the set has no members.
  @inlinable
  public var isEmpty: Bool {
    for word in 0..<words where storage[word] != 0 { return false }
    return true
  }

  /// The number of members.
  @inlinable
  public var count: Int {
    var sum = 0
    for word in 0..<words { sum += storage[word].nonzeroBitCount }
    return sum
  }

  /// The lowest member that is `member` or above, or `nil`.
  @inlinable
  public func first(from member: Int) -> Int? {
    guard member < Self.capacity else { return nil }
    let member = Swift.max(member, 0)
    var word = member >> 6
    var bits = storage[word] & (UInt64.max << (member & 63))
    while bits == 0 {
      word += 1
      guard word < words else { return nil }
      bits = storage[word]
    }
    return word << 6 + bits.trailingZeroBitCount
  }

  /// The highest member that is `member` or below, or `nil`.
  @inlinable
  public func last(through member: Int) -> Int? {
    guard member >= 0 else { return nil }
    let member = Swift.min(member, Self.capacity - 1)
    var word = member >> 6
    var bits = storage[word] & (UInt64.max >> (63 - member & 63))
    while bits == 0 {
      word -= 1
      guard word >= 0 else { return nil }
      bits = storage[word]
    }
    return word << 6 + 63 - bits.leadingZeroBitCount
  }

  /// The lowest integer that is `member` or above and no member; ``capacity`` when all are members.
  @inlinable
  public func firstAbsent(from member: Int) -> Int {
    guard member < Self.capacity else { return Self.capacity }
    let member = Swift.max(member, 0)
    var word = member >> 6
    var bits = ~storage[word] & (UInt64.max << (member & 63))
    while bits == 0 {
      word += 1
      guard word < words else { return Self.capacity }
      bits = ~storage[word]
    }
    return word << 6 + bits.trailingZeroBitCount
  }

  /// The highest integer that is `member` or below and no member; -1 when all are members.
  @inlinable
  public func lastAbsent(through member: Int) -> Int {
    guard member >= 0 else { return -1 }
    let member = Swift.min(member, Self.capacity - 1)
    var word = member >> 6
    var bits = ~storage[word] & (UInt64.max >> (63 - member & 63))
    while bits == 0 {
      word -= 1
      guard word >= 0 else { return -1 }
      bits = ~storage[word]
    }
    return word << 6 + 63 - bits.leadingZeroBitCount
  }

  /// Whether any member lies in a range.
  @inlinable
  public func intersects(_ range: ClosedRange<Int>) -> Bool {
    first(from: range.lowerBound).map { $0 <= range.upperBound } ?? false
  }

  /// Whether every integer of a range is a member.
  @inlinable
  public func contains(_ range: ClosedRange<Int>) -> Bool {
    var wanted = Self()
    wanted.insert(range)
    wanted.subtract(self)
    return wanted.isEmpty
  }

  /// The members as runs of consecutive integers, lowest first.
  @inlinable
  public var runs: [ClosedRange<Int>] {
    var result: [ClosedRange<Int>] = []
    var position = 0
    while let start = first(from: position) {
      position = firstAbsent(from: start)
      result.append(start...position - 1)
    }
    return result
  }
}

extension FixedBitSet: Equatable {
  /// Whether both sets have the same members.
  @inlinable
  public static func == (a: Self, b: Self) -> Bool {
    for word in 0..<words where a.storage[word] != b.storage[word] { return false }
    return true
  }
}

extension FixedBitSet: Hashable {
  /// Feeds all words to the hasher.
  @inlinable
  public func hash(into hasher: inout Hasher) {
    for word in 0..<words { hasher.combine(storage[word]) }
  }
}
