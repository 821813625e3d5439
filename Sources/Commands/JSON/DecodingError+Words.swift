extension DecodingError {
  /// The error in one line: where, and what was expected.
  var inWords: String {
    switch self {
    case .keyNotFound(let key, let at):
      return "\"\(Self.path(at.codingPath + [key]))\" is missing"
    case .typeMismatch(let type, let at):
      return Self.at(at, "expected \(Self.words(for: type))")
    case .valueNotFound(let type, let at):
      return Self.at(at, "is null: expected \(Self.words(for: type))")
    case .dataCorrupted(let at):
      // Of text that is no JSON at all, and of a number that fits nowhere, the decoder says no more.
      return at.codingPath.isEmpty
        ? "no JSON, or a number that does not fit"
        : Self.at(at, at.debugDescription)
    @unknown default: return "\(self)"
    }
  }

  private static func at(_ context: Context, _ text: String) -> String {
    let path = path(context.codingPath)
    return path.isEmpty ? text : "\"\(path)\": \(text)"
  }

  /// Keys with dots between, places in a list in brackets: `quirks[0].free`.
  private static func path(_ keys: [any CodingKey]) -> String {
    keys.reduce("") { path, key in
      if let index = key.intValue { return path + "[\(index)]" }
      return path + (path.isEmpty ? "" : ".") + key.stringValue
    }
  }

  /// What JSON calls a type.
  private static func words(for type: any Any.Type) -> String {
    switch type {
    case is String.Type: return "text"
    case is Bool.Type: return "true or false"
    case is any FixedWidthInteger.Type: return "an integer"
    default: return "\(type)".hasPrefix("Array") ? "a list" : "an object"
    }
  }
}
