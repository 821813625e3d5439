import Hardware
import PCIe

/// What can keep an offset from being good for all devices of a model.
struct Obstacles: Hashable, Sendable {
  /// Dwords that something owns.
  private var taken = DwordSet()
  /// No capability can be added.
  private var isUnusable = false
  /// There is a PASID capability already.
  private var isPresent = false
  /// What the list asks of a place.
  private var limits = ListLimits()

  /// No obstacle.
  init() {}

  /// The obstacles on a device.
  init(_ evidence: PlacementEvidence) {
    isPresent = evidence.pasid != nil
    isUnusable = evidence.space != .usable
    guard !isPresent, !isUnusable else { return }
    taken = Ground(evidence).taken
    limits = ListLimits(evidence)
  }

  /// Adds obstacles, and says whether one of them is new.
  mutating func formUnion(_ other: Obstacles) -> Bool {
    let before = self
    taken.formUnion(other.taken)
    isUnusable = isUnusable || other.isUnusable
    isPresent = isPresent || other.isPresent
    limits.formUnion(other.limits)
    return self != before
  }
}
