extension NumberSet {
  /// The lowest member that is `number` or above.
  @inlinable
  public func first(from number: UInt32) -> UInt32? {
    guard root >= 0, Int(number) < capacity else { return nil }
    return first(from: Int(number), under: Int(root), level: height).map { UInt32($0) }
  }

  /// The lowest number that is `number` or above and no member; it may be ``limit`` or above.
  @inlinable
  public func firstAbsent(from number: UInt32) -> UInt32 {
    guard root >= 0, Int(number) < capacity else { return number }
    let found = firstAbsent(from: Int(number), under: Int(root), level: height)
    return UInt32(found ?? capacity)
  }

  @inlinable
  func first(from number: Int, under node: Int, level: Int) -> Int? {
    let slot = slot(of: number, level: level)
    guard level > 0 else {
      let bits = words[node] & (.max << slot)
      return bits == 0 ? nil : number & ~63 | bits.trailingZeroBitCount
    }
    if occupied[node] >> slot & 1 == 1,
      let found = first(
        from: number, under: Int(children[node &* 64 &+ slot]), level: level &- 1)
    {
      return found
    }
    let bits = occupied[node] & ((UInt64.max << slot) << 1)
    guard bits != 0 else { return nil }
    let next = bits.trailingZeroBitCount
    return first(
      from: start(of: next, around: number, level: level),
      under: Int(children[node &* 64 &+ next]), level: level &- 1)
  }

  @inlinable
  func firstAbsent(from number: Int, under node: Int, level: Int) -> Int? {
    let slot = slot(of: number, level: level)
    guard level > 0 else {
      let bits = ~words[node] & (.max << slot)
      return bits == 0 ? nil : number & ~63 | bits.trailingZeroBitCount
    }
    if full[node] >> slot & 1 == 0 {
      let child = children[node &* 64 &+ slot]
      guard child >= 0 else { return number }
      if let found = firstAbsent(from: number, under: Int(child), level: level &- 1) {
        return found
      }
    }
    let bits = ~full[node] & ((UInt64.max << slot) << 1)
    guard bits != 0 else { return nil }
    let next = bits.trailingZeroBitCount
    let start = start(of: next, around: number, level: level)
    let child = children[node &* 64 &+ next]
    return child < 0 ? start : firstAbsent(from: start, under: Int(child), level: level &- 1)
  }

  /// The first number of a child of the node that has `number`.
  @inlinable
  func start(of slot: Int, around number: Int, level: Int) -> Int {
    let shift = 6 &* level
    return number & ~(64 << shift &- 1) | slot << shift
  }
}

extension NumberSet: Sequence {
  /// The members, lowest first.
  @inlinable public func makeIterator() -> Iterator { Iterator(self) }

  /// The members of a set, lowest first.
  public struct Iterator: IteratorProtocol {
    @usableFromInline let set: NumberSet
    @usableFromInline var place: UInt32 = 0

    @inlinable init(_ set: NumberSet) { self.set = set }

    /// The next member.
    @inlinable
    public mutating func next() -> UInt32? {
      guard let member = set.first(from: place) else { return nil }
      place = member + 1
      return member
    }
  }
}
