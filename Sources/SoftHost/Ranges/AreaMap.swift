/// Ranges of addresses that do not overlap, in order, each with a small value.
///
/// The mappings of an I/O address space are such a map. It is a B+ tree, 32 areas a leaf and 64
/// children a branch, in flat arrays that grow and are used again: a change allocates nothing unless
/// an array has to grow. Every node knows the longest gap among its areas, so that a search for a
/// free place does not walk them all. An area takes 24 bytes and its value, and half of the 24 again
/// when changes at random places have left the leaves partly empty.
///
/// Ranges include both ends and may touch 0 and 2^64 - 1. Looking up and changing one area costs
/// O(log count).
public struct AreaMap<Value: BitwiseCopyable> {
  /// A range and its value.
  public struct Area {
    /// The addresses, both ends included.
    public let range: ClosedRange<UInt64>
    /// What was stored with it.
    public let value: Value
    /// A number that no other area of the map has, and that stays while the area is in it.
    ///
    /// Numbers are dense: they are given again, and are below the most areas that there ever were.
    public let place: Int

    @inlinable
    init(range: ClosedRange<UInt64>, value: Value, place: Int) {
      self.range = range
      self.value = value
      self.place = place
    }
  }

  @usableFromInline var leaves = AreaLeaves<Value>()
  @usableFromInline var branches = AreaBranches()
  /// A leaf when `height` is 0; `NodeKeys.none` when there are no areas.
  @usableFromInline var root = NodeKeys.none
  /// The levels of branches above the leaves.
  @usableFromInline var height = 0
  /// What the root would tell a parent.
  @usableFromInline var whole = AreaSummary(first: 0, last: 0, gap: 0)

  @usableFromInline var areaCount = 0

  /// Makes a map without areas, which takes no memory.
  @inlinable public init() {}

  /// The number of areas.
  @inlinable public var count: Int { areaCount }

  /// Whether there are no areas.
  @inlinable public var isEmpty: Bool { count == 0 }

  /// The ``Area/place`` of the area that is added next.
  @inlinable public var nextPlace: Int {
    leaves.unusedValues.last.map { Int($0) } ?? leaves.values.count
  }

  /// Removes all areas and gives their memory back.
  public mutating func removeAll() { self = Self() }
}

extension AreaMap: Sendable where Value: Sendable {}

extension AreaMap.Area: Sendable where Value: Sendable {}

extension AreaMap.Area: Equatable where Value: Equatable {}
