import Hardware

/// Numbers and words as a person reads them.
package enum HumanText {
  /// A length: exact in hexadecimal when it is no whole number of units.
  package static func byteCount(_ value: UInt64) -> String {
    guard value != .max else { return "all" }
    for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] as [(UInt64, String)]
    where value >= 1 << shift {
      if value & (1 << shift - 1) == 0 { return "\(value >> shift) \(unit)" }
    }
    return value < 4096 ? "\(value) B" : "\(value.hex) B"
  }

  /// A length of which only the size matters, with one decimal: `102.4 GiB`.
  package static func amount(_ value: UInt64) -> String {
    for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] as [(UInt64, String)]
    where value >= 1 << shift {
      let whole = value >> shift
      let tenths = (value & (1 << shift - 1)) >> (shift - 10) * 10 >> 10
      return tenths == 0 ? "\(whole) \(unit)" : "\(whole).\(tenths) \(unit)"
    }
    return "\(value) B"
  }

  /// Nanoseconds with two or three digits: `850 ns`, `8.1 µs`, `12 ms`.
  package static func duration(_ nanoseconds: UInt64) -> String {
    guard nanoseconds >= 1000 else { return "\(nanoseconds) ns" }
    for (unit, name) in [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, "µs")]
      as [(UInt64, String)] where nanoseconds >= unit
    {
      let tenths = nanoseconds / (unit / 10)
      return tenths >= 1000 ? "\(tenths / 10) \(name)" : "\(tenths / 10).\(tenths % 10) \(name)"
    }
    return "\(nanoseconds) ns"
  }

  /// Nanoseconds as seconds with six decimals.
  package static func seconds(_ nanoseconds: UInt64) -> String {
    let micro = "\(nanoseconds / 1000 % 1_000_000)"
    return "\(nanoseconds / 1_000_000_000)."
      + String(repeating: "0", count: 6 - micro.utf8.count) + micro
  }

  /// A count of things: `1 fault`, `12,345 faults`.
  package static func count(_ value: Int, _ noun: String, _ plural: String? = nil) -> String {
    count(value) + " " + (value == 1 ? noun : plural ?? noun + "s")
  }

  /// A count with separators: `12,345`.
  package static func count(_ value: Int) -> String {
    let digits = "\(value)".utf8.map { $0 }
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text += String(UnicodeScalar(digit))
    }
    return text
  }

  /// Text that a program made, safe for a terminal: control characters are written as escapes.
  package static func printable(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0..<0x20, 0x7F..<0xA0: result += "\\x" + scalar.value.hex(digits: 2)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Bytes as hexadecimal pairs, at most `limit` of them.
  package static func bytes(_ bytes: [UInt8], limit: Int = 16) -> String {
    bytes.prefix(limit).map { $0.hex(digits: 2) }.joined(separator: " ")
      + (bytes.count > limit ? " …" : "")
  }

  /// The text filled with spaces up to a width; wide characters are not expected.
  package static func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
    let fill = String(repeating: " ", count: max(0, width - text.unicodeScalars.count))
    return right ? fill + text : text + fill
  }
}
