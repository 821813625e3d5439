/// Reads a JSON object of one level, as QEMU's `-device` and `-object` take it.
///
/// What is nested is passed over. The text is the user's own, so a mistake in it is QEMU's to tell.
struct FlatJSON {
  private var rest: Substring
  private var depth = 0

  init(_ text: String) { rest = Substring(text) }

  /// The object's members; `nil` when the text is none.
  mutating func object() -> [String: String]? {
    var members: [String: String] = [:]
    guard take("{") else { return nil }
    if take("}") { return members }
    repeat {
      guard let key = string(), take(":"), let value = value() else { return nil }
      members[key] = value
    } while take(",")
    return take("}") ? members : nil
  }

  /// A value as text: a switch is `on` or `off`, what is nested is empty.
  private mutating func value() -> String? {
    skipBlanks()
    switch rest.first {
    case "\"": return string()
    case "{", "[": return nested() ? "" : nil
    case nil: return nil
    default:
      let word = rest.prefix { !",}] \t\n\r".contains($0) }
      rest = rest[word.endIndex...]
      switch word {
      case "": return nil
      case "true": return "on"
      case "false": return "off"
      default: return String(word)
      }
    }
  }

  /// Passes over an object or an array.
  private mutating func nested() -> Bool {
    depth += 1
    defer { depth -= 1 }
    guard depth < 32 else { return false }
    let isObject = rest.first == "{"
    let end: Character = isObject ? "}" : "]"
    rest.removeFirst()
    if take(end) { return true }
    repeat {
      if isObject { guard string() != nil, take(":") else { return false } }
      guard value() != nil else { return false }
    } while take(",")
    return take(end)
  }

  private mutating func string() -> String? {
    guard take("\"") else { return nil }
    var text = ""
    while let character = rest.popFirst() {
      switch character {
      case "\"": return text
      case "\\":
        guard let escaped = escape() else { return nil }
        text.unicodeScalars.append(escaped)
      default: text.append(character)
      }
    }
    return nil
  }

  private mutating func escape() -> Unicode.Scalar? {
    switch rest.popFirst() {
    case "n": return "\n"
    case "t": return "\t"
    case "r": return "\r"
    case "b": return "\u{8}"
    case "f": return "\u{c}"
    case "\"": return "\""
    case "\\": return "\\"
    case "/": return "/"
    case "u":
      let digits = rest.prefix(4)
      rest = rest[digits.endIndex...]
      guard digits.count == 4, let number = UInt32(digits, radix: 16) else { return nil }
      return Unicode.Scalar(number) ?? "\u{fffd}"
    default: return nil
    }
  }

  private mutating func take(_ character: Character) -> Bool {
    skipBlanks()
    guard rest.first == character else { return false }
    rest.removeFirst()
    return true
  }

  private mutating func skipBlanks() {
    rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" || $0 == "\r\n" }
  }

  /// A text between quotes.
  static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\" + String(scalar)
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
