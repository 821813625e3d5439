import PCIe

/// What an extended list asks of a place in it, apart from free bytes.
public struct ListLimits: Hashable, Sendable {
  /// Whether the list is empty: a placeholder at 0x100 then leads to a capability elsewhere.
  public var needsPlaceholder = false
  /// Whether software follows no more entries: what is left is a placeholder's place at 0x100.
  public var isFull = false

  /// A list that can take an entry anywhere.
  public init() {}

  /// The limits of a device's list.
  ///
  /// - Parameter evidence: What the device shows; its space must be usable.
  public init(_ evidence: PlacementEvidence) {
    needsPlaceholder = evidence.entries.isEmpty
    isFull = evidence.entries.count >= ConfigSpace.extendedLimit
  }

  /// Adds the limits of another device's list.
  mutating func formUnion(_ other: ListLimits) {
    needsPlaceholder = needsPlaceholder || other.needsPlaceholder
    isFull = isFull || other.isFull
  }

  /// The declaration that keeps the placeholder away that the list needs.
  func forbiddenPlaceholder(among declared: [DeclaredRange]) -> DeclaredRange? {
    guard needsPlaceholder else { return nil }
    return declared.first { $0.verdict == .forbidden && $0.bytes.overlaps(0x100...0x103) }
  }
}
