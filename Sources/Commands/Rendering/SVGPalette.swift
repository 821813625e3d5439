import Placement

/// The colours of the picture, light and dark.
enum SVGPalette {
  /// Name of the variable, colour on a light page, colour on a dark one.
  private static let colors: [(name: String, light: String, dark: String)] = [
    ("page", "#ffffff", "#10151c"),
    ("edge", "#d5dbe3", "#2c3644"),
    ("ink", "#1a2330", "#e8edf4"),
    ("quiet", "#5b6777", "#98a5b6"),
    ("line", "#8d99a8", "#66758a"),
    ("zero", "#edf0f4", "#1b232e"),
    ("header", "#b9c2ce", "#4a5666"),
    ("head", "#2b68b8", "#7db4f5"),
    ("body", "#aecbef", "#2a4d7c"),
    ("shadow", "#f6e7c1", "#4a3d1a"),
    ("shadowuse", "#d69a1b", "#d9a53f"),
    ("stray", "#d3222b", "#ff6a60"),
    ("silent", "#d9dde3", "#333d4a"),
    ("pasid", "#16833a", "#43c463"),
    ("likely", "#16833a", "#2a8a45"),
    ("risky", "#a86200", "#9a6408"),
    ("refused", "#c21f2c", "#b8323a"),
    ("present", "#2b68b8", "#2f6dbb"),
  ]

  /// The class that is filled with a variable: the variable's name after an `f`.
  static func fill(_ kind: MapKind) -> String {
    switch kind {
    case .pasid, .newHead: "f-pasid"
    case .header: "f-header"
    case .capabilityHeader: "f-head"
    case .capabilityBody: "f-body"
    case .shadow: "f-shadow"
    case .shadowInUse: "f-shadowuse"
    case .unclaimedInUse: "f-stray"
    case .silent: "f-silent"
    case .unclaimedZero: "f-zero"
    }
  }

  // Renderers without CSS variables drop the second of two declarations and keep the first.
  /// The style sheet of the picture.
  static let styleSheet: String = {
    func variables(_ color: KeyPath<(name: String, light: String, dark: String), String>) -> String
    {
      colors.map { "--\($0.name):\($0[keyPath: color])" }.joined(separator: ";")
    }
    func both(_ property: String, _ name: String) -> String {
      let fallback = colors.first { $0.name == name }?.light ?? "#000000"
      return "\(property):\(fallback);\(property):var(--\(name))"
    }
    var lines = [
      "svg.passage{\(variables(\.light))}",
      "@media (prefers-color-scheme:dark){svg.passage{\(variables(\.dark))}}",
    ]
    lines += colors.map { ".passage .f-\($0.name){\(both("fill", $0.name))}" }
    lines += [
      ".passage .page{\(both("fill", "page"));\(both("stroke", "edge"))}",
      ".passage .lead{fill:none;\(both("stroke", "line"))}",
      ".passage .lead-pasid{fill:none;\(both("stroke", "pasid"));stroke-width:1.5}",
      ".passage .ring{fill:none;\(both("stroke", "pasid"));stroke-width:2}",
      ".passage .grid{fill:none;\(both("stroke", "page"));stroke-opacity:.55}",
      ".passage .cells{fill:url(#passage-grid);pointer-events:none}",
      ".passage text{\(both("fill", "ink"));"
        + "font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",sans-serif}",
      ".passage .m{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\","
        + "monospace}",
      ".passage .t,.passage .v{font-weight:600}",
      ".passage .quiet{\(both("fill", "quiet"))}",
      ".passage .bad{\(both("fill", "stray"))}",
      ".passage .good{\(both("fill", "pasid"));font-weight:700}",
      ".passage .badge{fill:#ffffff;text-anchor:middle}",
    ]
    return lines.joined(separator: "\n")
  }()
}

extension PlacementDecision.Outcome {
  /// The class of the badge that states the outcome.
  var badgeFill: String {
    switch self {
    case .placed(_, .clear), .placed(_, .likely): "f-likely"
    case .placed(_, .risky): "f-risky"
    case .placed(_, .refused), .refused: "f-refused"
    case .present: "f-present"
    }
  }
}
