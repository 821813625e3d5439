extension TextPage {
  /// Adds what crossed the seams in a step: the calls alone, or with a unit each seam by its name.
  mutating func addCrossings(_ step: LabStep, hasUnit: Bool, behind indent: String) {
    guard hasUnit else {
      let calls = step.calls.map { Self.text($0.name, $0.count) }
      guard !calls.isEmpty else { return }
      return add(
        calls.joined(separator: ", "), behind: indent + "calls ", .muted, prefixTint: .muted)
    }
    let width = LabCrossing.Seam.allCases.map(\.title.columns).max() ?? 0
    for seam in LabCrossing.Seam.allCases {
      let names = step.crossings.filter { $0.seam == seam }.map { crossing in
        Self.text(crossing.name, crossing.count) + (crossing.error.map { " (\($0))" } ?? "")
      }
      guard !names.isEmpty else { continue }
      add(
        names.joined(separator: ", "), behind: indent + seam.title.padded(to: width) + "  ", .muted,
        prefixTint: .accent)
    }
  }

  private static func text(_ name: String, _ count: Int) -> String {
    count == 1 ? name : "\(name) ×\(count)"
  }
}

extension LabCrossing.Seam {
  /// The seam and the direction, for people.
  fileprivate var title: String {
    switch self {
    case .unit: "guest → unit"
    case .guest: "unit → guest"
    case .backend: "unit → backend"
    case .requests: "VMM → unit"
    case .host: "backend → host"
    }
  }
}
