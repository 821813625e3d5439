/// Whether log lines are coloured: the sixteen ANSI colours that every theme defines.
package struct LogStyle: Hashable, Sendable {
  /// Whether escape codes are written.
  package var isColored: Bool
  /// Whether every call has its line, also those that repeat the one before.
  package var showsAll: Bool

  /// Chooses a style.
  package init(isColored: Bool = false, showsAll: Bool = false) {
    self.isColored = isColored
    self.showsAll = showsAll
  }

  /// What a piece of a line is tinted with: parameters of ANSI's SGR sequence (ECMA-48 8.3.117).
  package enum Tint: String {
    case plain = ""
    case muted = "2"
    case name = "1"
    case file = "36"
    case good = "32"
    case caution = "33"
    case bad = "1;31"
  }

  /// The text in a tint, or as it is.
  package func paint(_ text: String, _ tint: Tint) -> String {
    guard isColored, tint != .plain, !text.isEmpty else { return text }
    return "\u{1B}[\(tint.rawValue)m\(text)\u{1B}[0m"
  }
}
