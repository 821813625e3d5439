/// One JSON object on a line of its own, keys in the order given.
package struct JSONLine: Sendable {
  private var bytes: [UInt8] = []
  private var needsComma = false

  /// Writes an object as a line.
  package static func object(_ body: (inout JSONLine) -> Void) -> [UInt8] {
    var line = JSONLine()
    line.container("{", "}", body)
    line.bytes.append(UInt8(ascii: "\n"))
    return line.bytes
  }

  package mutating func object(_ key: String? = nil, _ body: (inout JSONLine) -> Void) {
    begin(key)
    container("{", "}", body)
  }

  package mutating func array(_ key: String, _ body: (inout JSONLine) -> Void) {
    begin(key)
    container("[", "]", body)
  }

  package mutating func number(_ key: String, _ value: some BinaryInteger) {
    begin(key)
    append(String(value))
  }

  /// Writes a number of an array.
  package mutating func number(_ value: some BinaryInteger) {
    begin(nil)
    append(String(value))
  }

  package mutating func bool(_ key: String, _ value: Bool) {
    begin(key)
    append(value ? "true" : "false")
  }

  package mutating func string(_ key: String? = nil, _ value: String?) {
    begin(key)
    if let value { quote(value) } else { append("null") }
  }

  /// Writes a string unless there is none.
  package mutating func optional(_ key: String, _ value: String?) {
    if let value { string(key, value) }
  }

  private mutating func container(
    _ opening: String, _ closing: String, _ body: (inout JSONLine) -> Void
  ) {
    append(opening)
    needsComma = false
    body(&self)
    append(closing)
    needsComma = true
  }

  private mutating func begin(_ key: String?) {
    if needsComma { append(",") }
    if let key {
      quote(key)
      append(":")
    }
    needsComma = true
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private mutating func quote(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22, 0x5C:
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      // Both sets of control characters: a terminal obeys the second one as well.
      case 0..<0x20, 0x7F..<0xA0:
        append("\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16))
      default: append(String(scalar))
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
