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
      let crossings = step.crossings.filter { $0.seam == seam }
      guard !crossings.isEmpty else { continue }
      add(
        seam == .unit ? Self.accesses(crossings) : Self.list(crossings),
        behind: indent + seam.title.padded(to: width) + "  ", .muted, prefixTint: .accent)
    }
  }

  /// Accesses to registers and the queue, each verb once.
  private static func accesses(_ crossings: [LabCrossing]) -> String {
    ["read ", "write ", "queue "].compactMap { verb -> String? in
      let names = crossings.filter { $0.name.hasPrefix(verb) }.map {
        text(String($0.name.dropFirst(verb.count)), $0.count)
      }
      return names.isEmpty ? nil : verb + names.joined(separator: ", ")
    }
    .joined(separator: "; ")
  }

  private static func list(_ crossings: [LabCrossing]) -> String {
    crossings.map { text($0.name, $0.count) + ($0.error.map { " (\($0))" } ?? "") }
      .joined(separator: ", ")
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
