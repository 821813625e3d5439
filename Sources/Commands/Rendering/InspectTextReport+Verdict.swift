import Hardware
import PCIe
import Placement

extension TextPage {
  /// Adds the decision, its reasons, and what to pass to a VMM.
  mutating func addVerdict(_ device: InspectedDevice, capability: PASIDCapability) {
    add()
    add(device.verdict, behind: "", device.decision.outcome.tint)
    for reason in device.decision.reasons {
      add("\(reason)".plainLine(), behind: "  • ")
    }
    add()
    if let promise = device.promise(capability) { addFact("capability", promise) }
    if let linked = device.linkedFrom { addFact("linked from", linked) }
    let alternatives = device.decision.alternatives
    if !alternatives.isEmpty { addFact("alternatives", Self.byGrade(alternatives)) }
    addUse(device)
  }

  private mutating func addFact(_ name: String, _ value: String, _ tint: Tint = .none) {
    add(value, behind: "  " + name.padded(to: 14), tint)
  }

  private mutating func addUse(_ device: InspectedDevice) {
    switch device.decision.outcome {
    case .placed:
      guard let option = device.qemuOption else { return }
      addFact("option", option, .bold)
      guard let address = device.device.address else { return }
      addFact("QEMU", "-object iommufd,id=iommufd0")
      addFact("", "-device vfio-pci,host=\(address),iommufd=iommufd0,\(option)")
    case .present: addFact("option", "none: nothing is synthesised")
    case .refused:
      let hasOthers = !device.decision.alternatives.isEmpty
      addFact(
        "option",
        hasOthers ? "none for this offset: ask for another with --offset" : "none")
    }
  }

  /// The offsets of each grade together: `likely 0xff0, 0xe00; risky 0x2e0`.
  private static func byGrade(_ all: [PlacementDecision.Alternative]) -> String {
    Grade.allCases.compactMap { grade in
      let offsets = all.filter { $0.grade == grade }.map(\.offset.hex)
      return offsets.isEmpty ? nil : "\(grade) " + offsets.joined(separator: ", ")
    }.joined(separator: "; ")
  }
}

extension PlacementDecision.Outcome {
  /// The tint of the verdict's line.
  var tint: Tint {
    switch self {
    case .placed(_, .clear), .placed(_, .likely): .strongGood
    case .placed(_, .risky): .strongCaution
    case .placed(_, .refused), .refused: .strongBad
    case .present: .strongAccent
    }
  }
}
