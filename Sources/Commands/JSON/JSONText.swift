/// Writes JSON with keys in the order given, piece by piece: reports need a fixed order and surveys
/// of a fleet must not be built up in memory.
public struct JSONText: Sendable {
  /// The text so far, in UTF-8.
  public private(set) var bytes: [UInt8] = []
  private let lineDepth: Int
  private var depth = 0
  private var needsComma = false

  /// Starts a text.
  ///
  /// - Parameter lineDepth: Containers nested less deeply than this put each element on a line of
  ///   its own; 0 writes everything on one line.
  public init(lineDepth: Int = 0) { self.lineDepth = lineDepth }

  /// The text so far.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Forgets the bytes that were written so far, for callers that send them on in pieces.
  public mutating func takeBytes() -> [UInt8] {
    defer { bytes.removeAll(keepingCapacity: true) }
    return bytes
  }

  /// Writes an object.
  public mutating func object(_ key: String? = nil, _ body: (inout JSONText) -> Void) {
    container(key, "{", "}", body)
  }

  /// Writes an array.
  public mutating func array(_ key: String? = nil, _ body: (inout JSONText) -> Void) {
    container(key, "[", "]", body)
  }

  /// Writes an array of integers on one line.
  public mutating func integers(_ key: String? = nil, _ values: [Int?]) {
    begin(key)
    append("[")
    for index in values.indices {
      if index > 0 { append(",") }
      if let value = values[index] { append(value) } else { append("null") }
    }
    append("]")
  }

  /// Writes an array of strings.
  public mutating func strings(_ key: String, _ values: some Sequence<String>) {
    array(key) { json in for value in values { json.string(nil, value) } }
  }

  /// Writes an integer, or `null`.
  @inline(__always)
  public mutating func integer(_ key: String? = nil, _ value: (some BinaryInteger)?) {
    begin(key)
    if let value { append(Int(value)) } else { append("null") }
  }

  /// Writes a truth value, or `null`.
  public mutating func bool(_ key: String, _ value: Bool?) {
    begin(key)
    append(value.map { $0 ? "true" : "false" } ?? "null")
  }

  /// Writes a string, or `null`.
  public mutating func string(_ key: String? = nil, _ value: String?) {
    begin(key)
    if let value { quote(value) } else { append("null") }
  }

  /// Writes a key and its value as text that was made before.
  mutating func raw(_ text: [UInt8]) {
    begin(nil)
    bytes.append(contentsOf: text)
  }

  /// Ends a line.
  public mutating func endLine() {
    append("\n")
    needsComma = false
  }

  /// Opens a container that ``close(_:)`` ends, for streams of elements.
  public mutating func open(_ key: String? = nil, _ bracket: String) {
    begin(key)
    append(bracket)
    depth += 1
    needsComma = false
  }

  /// Ends the innermost container.
  public mutating func close(_ bracket: String) {
    depth -= 1
    if needsComma, depth < lineDepth { newLine() }
    append(bracket)
    needsComma = true
  }

  private mutating func container(
    _ key: String?, _ opening: String, _ closing: String, _ body: (inout JSONText) -> Void
  ) {
    open(key, opening)
    body(&self)
    close(closing)
  }

  private mutating func begin(_ key: String?) {
    let startsLine = depth > 0 && depth <= lineDepth
    if needsComma { append(lineDepth > 0 && !startsLine ? ", " : ",") }
    if startsLine { newLine() }
    if let key {
      quote(key)
      append(lineDepth > 0 ? ": " : ":")
    }
    needsComma = true
  }

  private mutating func newLine() {
    append("\n")
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// Writes digits without making a string of them: a survey is mostly numbers.
  private mutating func append(_ value: Int) {
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    var rest = value.magnitude
    let start = bytes.count
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    bytes[start...].reverse()
  }

  private mutating func quote(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    let isPlain = text.utf8.allSatisfy { byte in
      byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") && byte != 0x7F
        && byte != 0xC2
    }
    guard !isPlain else {
      bytes.append(contentsOf: text.utf8)
      bytes.append(UInt8(ascii: "\""))
      return
    }
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22, 0x5C:
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      // Both sets of control characters: a terminal obeys the second one (0x80 to 0x9F) as well.
      case 0..<0x20, 0x7F..<0xA0:
        append("\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16))
      default: bytes.append(contentsOf: UTF8.encode(scalar)?.map { $0 } ?? [])
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
