public import HostABI

/// Where automatic placement may go (`IOMMU_IOAS_ALLOW_IOVAS`).
///
/// An empty list allows every address. Fixed mappings outside stay legal. A list is replaced as a
/// whole: fill a new one entry by entry, in the order in which the caller's memory is read, check
/// it, and put it in the old one's place.
public struct AllowList: Sendable {
  @usableFromInline var areas = AreaMap<UInt8>()

  /// Makes an empty list.
  public init() {}

  /// The number of entries.
  public var count: Int { areas.count }

  /// Whether every address is allowed because there are no entries.
  @inlinable public var isEmpty: Bool { areas.isEmpty }

  /// The entries, lowest first.
  public var ranges: [ClosedRange<UInt64>] { areas.map(\.range) }

  /// Adds an entry, in O(log count).
  ///
  /// - Throws: `EINVAL` when `start` is not below `last` (Linux refuses one-byte ranges too), or when
  ///   the entry overlaps an earlier one. Nothing changes then.
  public mutating func add(start: UInt64, last: UInt64) throws(LinuxErrno) {
    guard start < last, areas.insert(start...last, 0) == nil else { throw .EINVAL }
  }

  /// Whether an address of a range is in an entry.
  ///
  /// A reservation of such a range fails with `EADDRINUSE`.
  public func overlaps(_ range: ClosedRange<UInt64>) -> Bool {
    areas.first(overlapping: range) != nil
  }

  /// Checks a filled list before it takes an old one's place, in O(count · log reserved).
  ///
  /// - Throws: `EADDRINUSE` when an entry touches a reserved address.
  public func check(against reserved: ReservedRanges) throws(LinuxErrno) {
    for area in areas where reserved.overlaps(area.range) { throw .EADDRINUSE }
  }

  /// Replaces the entries, all or none.
  ///
  /// - Throws: `EINVAL` or `EADDRINUSE`, as ``add(start:last:)`` and ``check(against:)`` do.
  public mutating func replace(
    with entries: [(start: UInt64, last: UInt64)], avoiding reserved: ReservedRanges
  ) throws(LinuxErrno) {
    var list = Self()
    for entry in entries { try list.add(start: entry.start, last: entry.last) }
    try list.check(against: reserved)
    self = list
  }
}
