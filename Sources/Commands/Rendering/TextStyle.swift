/// Whether a report is coloured.
///
/// Colours only repeat what the glyphs say, so a report reads the same without them.
public struct TextStyle: Hashable, Sendable {
  /// Whether ANSI escape codes are written.
  public let isColored: Bool

  /// No escape codes: for files, logs and pipes.
  public static let plain = TextStyle(colored: false)

  /// ANSI colours, from the sixteen that every terminal's theme defines.
  public static let ansi = TextStyle(colored: true)

  /// Chooses between the two.
  ///
  /// - Parameter colored: Whether to write escape codes.
  public init(colored: Bool) { isColored = colored }

  /// The text in a tint, or as it is.
  func paint(_ text: String, _ tint: Tint) -> String {
    guard isColored, tint != .none, !text.isEmpty else { return text }
    return "\u{1B}[\(tint.rawValue)m\(text)\u{1B}[0m"
  }
}

/// What a piece of text is tinted with: parameters of ANSI's SGR sequence (ECMA-48 8.3.117).
enum Tint: String {
  case none = ""
  case bold = "1"
  case muted = "2"
  case accent = "36"
  case strongAccent = "1;36"
  case caution = "33"
  case strongCaution = "1;33"
  case bad = "31"
  case strongBad = "1;31"
  case strongGood = "1;32"
  case chosen = "1;7;32"
}
