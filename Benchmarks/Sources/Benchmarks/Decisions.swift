import PCIe
import Placement

/// What is done with each device, and a sum over the decisions that keeps it from being left out.
struct Decisions {
  private(set) var devices = 0
  private(set) var sum = 0

  /// Walks, maps and places.
  mutating func add(_ config: ConfigSpace) {
    let layout = LayoutMap(of: config)
    let evidence = PlacementEvidence(layout: layout, of: config)
    let decision = Placer(evidence).decide()
    devices += 1
    sum += (decision.offset ?? 1) + decision.alternatives.count
  }
}
