extension AreaMap {
  /// Calls a function with every area that shares an address with a range, lowest first.
  @inlinable
  public func forEach(in range: ClosedRange<UInt64>, _ body: (Area) -> Void) {
    var place = cursor(reaching: range.lowerBound)
    while let cursor = place, start(at: cursor) <= range.upperBound {
      body(area(at: cursor))
      place = self.cursor(after: cursor)
    }
  }

  /// The areas that share an address with a range, lowest first.
  ///
  /// Take care not to change the map while a loop over them runs: that would copy it whole.
  @inlinable
  public func areas(in range: ClosedRange<UInt64>) -> Areas {
    Areas(map: self, place: cursor(reaching: range.lowerBound), last: range.upperBound)
  }

  /// Areas of a map, lowest first.
  public struct Areas: Sequence, IteratorProtocol {
    @usableFromInline let map: AreaMap
    @usableFromInline var place: AreaCursor?
    @usableFromInline let last: UInt64

    @inlinable
    init(map: AreaMap, place: AreaCursor?, last: UInt64) {
      self.map = map
      self.place = place
      self.last = last
    }

    /// The next area.
    @inlinable
    public mutating func next() -> Area? {
      guard let cursor = place, map.start(at: cursor) <= last else { return nil }
      place = map.cursor(after: cursor)
      return map.area(at: cursor)
    }
  }
}

extension AreaMap: Sequence {
  /// All areas, lowest first.
  @inlinable public func makeIterator() -> Areas { areas(in: 0...UInt64.max) }

  /// The number of areas.
  @inlinable public var underestimatedCount: Int { count }
}
