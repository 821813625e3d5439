/// The properties in an option's value: `driver,key=value,…`, or a JSON object.
struct VMMProperties: Hashable {
  /// Each key and its last value; switches are `on` and `off`, nested ones are left out.
  private(set) var values: [String: String] = [:]

  /// Reads them.
  ///
  /// - Parameters:
  ///   - text: The option's value. What is no JSON object is read as pairs, where two commas stand for
  ///     one of the value.
  ///   - first: The key of a first word without `=`.
  init(_ text: String, first: String) {
    if text.first == "{" {
      var reader = FlatJSON(text)
      values = reader.object() ?? [:]
      return
    }
    for (index, pair) in Self.pairs(text).enumerated() {
      guard let equals = pair.firstIndex(of: "=") else {
        // A word alone is the switch of that name.
        if index == 0 { values[first] = pair } else { values[pair] = "on" }
        continue
      }
      values[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
    }
  }

  subscript(key: String) -> String? { values[key] }

  /// Whether a switch is on.
  func isOn(_ key: String) -> Bool {
    ["on", "yes", "true", "y"].contains(values[key] ?? "")
  }

  /// A value with its commas as QEMU wants them.
  static func escaped(_ value: String) -> String {
    value.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
  }

  private static func pairs(_ text: String) -> [String] {
    var pairs: [String] = []
    var pair = ""
    var characters = Substring(text)
    while let character = characters.popFirst() {
      guard character == "," else {
        pair.append(character)
        continue
      }
      if characters.first == "," {
        characters.removeFirst()
        pair.append(",")
      } else {
        pairs.append(pair)
        pair = ""
      }
    }
    return pairs + [pair]
  }
}
