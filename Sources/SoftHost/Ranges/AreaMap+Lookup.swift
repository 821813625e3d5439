extension AreaMap {
  /// The area with the lowest addresses.
  @inlinable public var first: Area? { isEmpty ? nil : first(overlapping: 0...UInt64.max) }

  /// The area that has an address.
  @inlinable
  public func area(containing address: UInt64) -> Area? {
    guard let cursor = cursor(atOrBelow: address) else { return nil }
    return last(at: cursor) >= address ? area(at: cursor) : nil
  }

  /// The area that starts at an address.
  @inlinable
  public func area(startingAt start: UInt64) -> Area? {
    guard let cursor = cursor(atOrBelow: start) else { return nil }
    return self.start(at: cursor) == start ? area(at: cursor) : nil
  }

  /// The lowest area that shares an address with a range.
  @inlinable
  public func first(overlapping range: ClosedRange<UInt64>) -> Area? {
    guard let cursor = cursor(reaching: range.lowerBound),
      start(at: cursor) <= range.upperBound
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
    guard let cursor = cursor(atOrBelow: start), self.start(at: cursor) == start else {
      return nil
    }
    return body(&leaves.values[leaves.place(cursor.position, of: cursor.leaf)])
  }
}

/// Where an area is in the leaves.
@usableFromInline
struct AreaCursor: Sendable {
  @usableFromInline var leaf: Int
  @usableFromInline var position: Int

  @inlinable
  init(leaf: Int, position: Int) {
    self.leaf = leaf
    self.position = position
  }
}

extension AreaMap {
  @inlinable
  func start(at cursor: AreaCursor) -> UInt64 { leaves.start(cursor.position, of: cursor.leaf) }

  @inlinable
  func last(at cursor: AreaCursor) -> UInt64 { leaves.last(cursor.position, of: cursor.leaf) }

  @inlinable
  func area(at cursor: AreaCursor) -> Area {
    let place = leaves.place(cursor.position, of: cursor.leaf)
    return Area(
      range: start(at: cursor)...last(at: cursor), value: leaves.values[place], place: place)
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
    return rank == 0 ? nil : AreaCursor(leaf: leaf, position: rank &- 1)
  }

  /// The lowest area that starts above `address`.
  @inlinable
  func cursor(above address: UInt64) -> AreaCursor? {
    guard root >= 0 else { return nil }
    let leaf = leaf(for: address)
    return cursor(leaf, leaves.rank(of: address, in: leaf))
  }

  /// The lowest area that has `address` or lies above it.
  @inlinable
  func cursor(reaching address: UInt64) -> AreaCursor? {
    guard root >= 0 else { return nil }
    let leaf = leaf(for: address)
    let rank = leaves.rank(of: address, in: leaf)
    if rank > 0, leaves.last(rank &- 1, of: leaf) >= address {
      return AreaCursor(leaf: leaf, position: rank &- 1)
    }
    return cursor(leaf, rank)
  }

  /// The area after another one.
  @inlinable
  func cursor(after cursor: AreaCursor) -> AreaCursor? {
    self.cursor(cursor.leaf, cursor.position &+ 1)
  }

  /// The area at a position, which may be one behind those of the leaf.
  @inlinable
  func cursor(_ leaf: Int, _ position: Int) -> AreaCursor? {
    if position < leaves.count(leaf) { return AreaCursor(leaf: leaf, position: position) }
    let next = leaves.nexts[leaf]
    return next < 0 ? nil : AreaCursor(leaf: Int(next), position: 0)
  }
}
