/// What a node tells its parent.
@usableFromInline
struct AreaSummary: Equatable, Sendable {
  /// The lowest address of all its areas.
  @usableFromInline var first: UInt64
  /// The highest.
  @usableFromInline var last: UInt64
  /// The length of the longest gap between two of its areas.
  @usableFromInline var gap: UInt64

  @inlinable
  init(first: UInt64, last: UInt64, gap: UInt64) {
    self.first = first
    self.last = last
    self.gap = gap
  }
}
