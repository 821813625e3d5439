/// A JSON value as version data may hold it, read strictly and within bounds.
public enum SmallJSON: Hashable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case truth(Bool)
  /// A whole number of 64 bits without a sign.
  case number(UInt64)
  /// A number that is not one.
  case otherNumber
  /// A string.
  case text(String)
  /// An array.
  case list([SmallJSON])
  /// An object.
  case object([String: SmallJSON])

  /// What is wrong with a text.
  public enum Problem: Error, Hashable, Sendable {
    /// Not JSON: where it stops to be.
    case syntax(at: Int)
    /// Deeper, longer or with more values than is ever needed.
    case size
    /// A value of another kind than this name wants.
    case kind(String)
    /// There is no zero at the end.
    case end
    /// A name stands twice in an object.
    case repeated(String)
  }

  /// Bytes that a text may have.
  public static let sizeLimit = 4096
  /// Objects and lists within each other.
  public static let depthLimit = 8

  /// Reads a whole text.
  ///
  /// - Parameter bytes: UTF-8, at most ``sizeLimit``.
  /// - Returns: The value.
  /// - Throws: ``Problem``.
  public static func read(_ bytes: Span<UInt8>) throws(Problem) -> SmallJSON {
    guard bytes.count <= sizeLimit else { throw .size }
    var reader = SmallJSONReader(bytes: [UInt8](copying: bytes))
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.isAtEnd else { throw .syntax(at: reader.place) }
    return value
  }
}

/// Reads a text from front to back.
private struct SmallJSONReader {
  let bytes: [UInt8]
  var place = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { place == bytes.count }

  private var next: UInt8? { isAtEnd ? nil : bytes[place] }

  private var syntax: SmallJSON.Problem { .syntax(at: place) }

  mutating func skipSpace() {
    while let byte = next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { place += 1 }
  }

  private mutating func skip(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    place += 1
    return true
  }

  private mutating func word(
    _ text: StaticString, _ value: SmallJSON
  ) throws(SmallJSON.Problem) -> SmallJSON {
    for byte in Array("\(text)".utf8) {
      guard skip(byte) else { throw syntax }
    }
    return value
  }

  mutating func value(depth: Int) throws(SmallJSON.Problem) -> SmallJSON {
    guard depth < SmallJSON.depthLimit else { throw .size }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return try object(depth)
    case UInt8(ascii: "["): return try list(depth)
    case UInt8(ascii: "\""): return .text(try text())
    case UInt8(ascii: "t"): return try word("true", .truth(true))
    case UInt8(ascii: "f"): return try word("false", .truth(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func object(_ depth: Int) throws(SmallJSON.Problem) -> SmallJSON {
    place += 1
    var members: [String: SmallJSON] = [:]
    skipSpace()
    if skip(UInt8(ascii: "}")) { return .object(members) }
    while true {
      skipSpace()
      let name = try text()
      guard members[name] == nil else { throw .repeated(name) }
      skipSpace()
      guard skip(UInt8(ascii: ":")) else { throw syntax }
      members[name] = try value(depth: depth + 1)
      skipSpace()
      if skip(UInt8(ascii: "}")) { return .object(members) }
      guard skip(UInt8(ascii: ",")) else { throw syntax }
    }
  }

  private mutating func list(_ depth: Int) throws(SmallJSON.Problem) -> SmallJSON {
    place += 1
    var values: [SmallJSON] = []
    skipSpace()
    if skip(UInt8(ascii: "]")) { return .list(values) }
    while true {
      values.append(try value(depth: depth + 1))
      skipSpace()
      if skip(UInt8(ascii: "]")) { return .list(values) }
      guard skip(UInt8(ascii: ",")) else { throw syntax }
    }
  }

  private mutating func text() throws(SmallJSON.Problem) -> String {
    guard skip(UInt8(ascii: "\"")) else { throw syntax }
    var found: [UInt8] = []
    while let byte = next {
      place += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: found, as: UTF8.self) else { throw syntax }
        return text
      case UInt8(ascii: "\\"): found += try escaped()
      case 0..<0x20: throw syntax
      default: found.append(byte)
      }
    }
    throw syntax
  }

  private mutating func escaped() throws(SmallJSON.Problem) -> [UInt8] {
    guard let byte = next else { throw syntax }
    place += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"):
      let first = try unit()
      guard (0xD800..<0xDC00).contains(first) else { return try scalar(first) }
      guard skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")) else { throw syntax }
      let second = try unit()
      guard (0xDC00..<0xE000).contains(second) else { throw syntax }
      return try scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    default: throw syntax
    }
  }

  private mutating func unit() throws(SmallJSON.Problem) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw syntax
      }
      value = value << 4 | UInt32(digit)
      place += 1
    }
    return value
  }

  private func scalar(_ value: UInt32) throws(SmallJSON.Problem) -> [UInt8] {
    guard let scalar = Unicode.Scalar(value) else { throw syntax }
    return Array(String(Character(scalar)).utf8)
  }

  private mutating func number() throws(SmallJSON.Problem) -> SmallJSON {
    let start = place
    let isNegative = skip(UInt8(ascii: "-"))
    let digits = try takeDigits()
    if digits.count > 1, digits.first == UInt8(ascii: "0") { throw .syntax(at: start) }
    var isWhole = !isNegative
    if skip(UInt8(ascii: ".")) {
      _ = try takeDigits()
      isWhole = false
    }
    if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
      if !skip(UInt8(ascii: "+")) { _ = skip(UInt8(ascii: "-")) }
      _ = try takeDigits()
      isWhole = false
    }
    guard isWhole, let value = UInt64(String(decoding: digits, as: UTF8.self)) else {
      return .otherNumber
    }
    return .number(value)
  }

  private mutating func takeDigits() throws(SmallJSON.Problem) -> ArraySlice<UInt8> {
    let start = place
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { place += 1 }
    guard place > start else { throw syntax }
    return bytes[start..<place]
  }
}
