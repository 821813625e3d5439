extension AreaMap {
  /// The area with the lowest addresses.
  @inlinable public var first: Area? { isEmpty ? nil : first(overlapping: 0...UInt64.max) }

  /// The area that has an address.
  @inlinable
  public func area(containing address: UInt64) -> Area? {
    guard let cursor = cursor(atOrBelow: address) else { return nil }
    return leaves.lasts[cursor.slot] >= address ? area(at: cursor) : nil
  }

  /// The area that starts at an address.
  @inlinable
  public func area(startingAt start: UInt64) -> Area? {
    guard let cursor = cursor(atOrBelow: start) else { return nil }
    return leaves.starts[cursor.slot] == start ? area(at: cursor) : nil
  }

  /// The lowest area that shares an address with a range.
  @inlinable
  public func first(overlapping range: ClosedRange<UInt64>) -> Area? {
    guard let cursor = cursor(reaching: range.lowerBound),
      leaves.starts[cursor.slot] <= range.upperBound
    else { return nil }
    return area(at: cursor)
  }

  /// The lowest area that starts above an address.
  @inlinable
  public func next(after address: UInt64) -> Area? {
    guard let cursor = cursor(above: address) else { return nil }
    return area(at: cursor)
  }

  /// Changes the value of the area that starts at an address.
  ///
  /// - Returns: What `body` returns; `nil` when no area starts there.
  @inlinable
  public mutating func update<Result>(
    startingAt start: UInt64, _ body: (inout Value) -> Result
  ) -> Result? {
    guard let cursor = cursor(atOrBelow: start), leaves.starts[cursor.slot] == start else {
      return nil
    }
    return body(&leaves.values[cursor.slot])
  }
}

/// The place of an area.
@usableFromInline
struct AreaCursor: Sendable {
  @usableFromInline var leaf: Int
  /// The slot's number among those of all leaves.
  @usableFromInline var slot: Int

  @inlinable
  init(leaf: Int, slot: Int) {
    self.leaf = leaf
    self.slot = slot
  }
}

extension AreaMap {
  @inlinable
  func area(at cursor: AreaCursor) -> Area {
    let slot = cursor.slot
    return Area(range: leaves.starts[slot]...leaves.lasts[slot], value: leaves.values[slot])
  }

  /// The leaf that has an area starting at `address`, or would have it; needs at least one area.
  @inlinable
  func leaf(for address: UInt64) -> Int {
    var node = Int(root)
    for _ in 0..<height {
      node = branches.child(branches.position(of: address, in: node), of: node)
    }
    return node
  }

  /// The highest area that starts at `address` or below.
  @inlinable
  func cursor(atOrBelow address: UInt64) -> AreaCursor? {
    guard root >= 0 else { return nil }
    let leaf = leaf(for: address)
    let rank = leaves.rank(of: address, in: leaf)
    // A branch sends the address to this leaf because the leaf's first area starts there or below,
    // unless every area starts above.
    return rank == 0 ? nil : AreaCursor(leaf: leaf, slot: leaf &* NodeKeys.width &+ rank &- 1)
  }

  /// The lowest area that starts above `address`.
  @inlinable
  func cursor(above address: UInt64) -> AreaCursor? {
    guard root >= 0 else { return nil }
    let leaf = leaf(for: address)
    let rank = leaves.rank(of: address, in: leaf)
    if rank < leaves.count(leaf) {
      return AreaCursor(leaf: leaf, slot: leaf &* NodeKeys.width &+ rank)
    }
    return cursor(atStartOf: leaves.nexts[leaf])
  }

  /// The lowest area that has `address` or lies above it.
  @inlinable
  func cursor(reaching address: UInt64) -> AreaCursor? {
    guard root >= 0 else { return nil }
    let leaf = leaf(for: address)
    let rank = leaves.rank(of: address, in: leaf)
    let slot = leaf &* NodeKeys.width &+ rank
    if rank > 0, leaves.lasts[slot &- 1] >= address {
      return AreaCursor(leaf: leaf, slot: slot &- 1)
    }
    if rank < leaves.count(leaf) { return AreaCursor(leaf: leaf, slot: slot) }
    return cursor(atStartOf: leaves.nexts[leaf])
  }

  @inlinable
  func cursor(atStartOf leaf: Int32) -> AreaCursor? {
    leaf < 0 ? nil : AreaCursor(leaf: Int(leaf), slot: Int(leaf) &* NodeKeys.width)
  }

  /// The area after another one.
  @inlinable
  func cursor(after cursor: AreaCursor) -> AreaCursor? {
    let end = cursor.leaf &* NodeKeys.width &+ leaves.count(cursor.leaf)
    if cursor.slot &+ 1 < end {
      return AreaCursor(leaf: cursor.leaf, slot: cursor.slot &+ 1)
    }
    return self.cursor(atStartOf: leaves.nexts[cursor.leaf])
  }
}
