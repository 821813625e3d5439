public import Hardware
public import PCIe

/// The extended config space of one device, or of all that share a model, as a building ground.
///
/// Merging grounds is associative, commutative and idempotent: what is taken on one device is taken
/// on all of them, and so with what is uncertain.
public struct Ground: Hashable, Sendable {
  /// Dwords that something owns: a header, a known body, registers that are not zero.
  public private(set) var taken: DwordSet
  /// Dwords that are zero, but in a hole between capabilities or in a shadow.
  public private(set) var uncertain: DwordSet

  /// Ground on which nothing is known to stand.
  public init() {
    taken = DwordSet()
    uncertain = DwordSet()
  }

  /// The ground that evidence describes.
  ///
  /// - Parameter evidence: One device's evidence.
  /// - Complexity: Linear in the number of capabilities; no allocation.
  public init(_ evidence: PlacementEvidence) {
    var taken = evidence.stray
    var uncertain = DwordSet()
    for entry in evidence.entries where !entry.isHeadPlaceholder { taken.insert(entry.dwords) }
    for entry in evidence.hidden { taken.insert(entry.dwords) }
    Self.markHoles(evidence.entries, evidence.hidden, in: &uncertain)
    self.taken = taken
    uncertain.subtract(taken)
    self.uncertain = uncertain
  }

  /// Everything below the end of the highest body is a hole, and everything from a capability of
  /// unknown length to the next capability is its shadow.
  private static func markHoles(
    _ entries: [SurveyedCapability], _ hidden: [SurveyedCapability], in uncertain: inout DwordSet
  ) {
    var end = 0
    for entry in entries where !entry.isHeadPlaceholder {
      end = max(end, entry.knownBytes.upperBound + 1)
    }
    for entry in hidden { end = max(end, entry.knownBytes.upperBound + 1) }
    guard end > 0 else { return }
    uncertain.insert(0x40...min((end + 3) / 4, 1024) - 1)
    // Only the highest capability's shadow reaches beyond the holes.
    var highest: SurveyedCapability?
    for entry in entries
    where !entry.isHeadPlaceholder && entry.offset >= highest?.offset ?? 0 {
      highest = entry
    }
    for entry in hidden where entry.offset >= highest?.offset ?? 0 { highest = entry }
    if let highest, highest.size == nil { uncertain.insert(Int(highest.offset) / 4...1023) }
  }

  /// Adds what another device of the same model shows.
  public mutating func formUnion(_ other: Ground) {
    taken.formUnion(other.taken)
    uncertain.formUnion(other.uncertain)
    uncertain.subtract(taken)
  }
}

extension SurveyedCapability {
  /// Whether this only starts the list: it gives its place to a capability that goes to 0x100.
  var isHeadPlaceholder: Bool { id == 0 && offset == 0x100 }

  /// The dwords that the known bytes touch.
  var dwords: ClosedRange<Int> { knownBytes.lowerBound / 4...knownBytes.upperBound / 4 }
}
