/// How sure it is that a capability may stand at an offset; the best comes first.
public enum Grade: String, Hashable, Sendable, CaseIterable, Codable {
  /// Somebody who knows declared the bytes free, and nothing contradicts.
  case clear
  /// Zero in every dump seen, behind every known body, and in nobody's shadow.
  case likely
  /// Zero, but in a hole or a shadow that a hidden register could use.
  case risky
  /// Would overlap something, or cannot be reached by the capability list.
  case refused
}

extension Grade: Comparable {
  /// The better grade is the lesser one.
  public static func < (a: Grade, b: Grade) -> Bool { a.rank < b.rank }

  private var rank: Int {
    switch self {
    case .clear: 0
    case .likely: 1
    case .risky: 2
    case .refused: 3
    }
  }
}
