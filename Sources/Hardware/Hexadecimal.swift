/// Numbers as people of this field write them: `0xff8`, `0000:6a:01.0`.
extension BinaryInteger {
  /// The value as `0x…` in lower case, with no leading zeros.
  @inlinable
  public var hex: String { "0x" + String(self, radix: 16) }

  /// The value in lower-case hexadecimal without prefix, filled with zeros to `digits`.
  ///
  /// - Parameter digits: The least number of digits.
  /// - Returns: The digits; more than `digits` when the value needs them.
  @inlinable
  public func hex(digits: Int) -> String {
    let text = String(self, radix: 16)
    return String(repeating: "0", count: Swift.max(0, digits - text.count)) + text
  }
}

/// Reads a number the way a user types one.
///
/// - Parameter text: Hexadecimal with `0x`, decimal without; no sign, no spaces.
/// - Returns: The number, or `nil` when the text is anything else or does not fit.
public func parseNumber(_ text: some StringProtocol) -> Int? {
  let digits: Substring
  let radix: Int
  if text.hasPrefix("0x") || text.hasPrefix("0X") {
    digits = Substring(text.dropFirst(2))
    radix = 16
  } else {
    digits = Substring(text)
    radix = 10
  }
  guard let first = digits.first, first != "+", first != "-" else { return nil }
  return Int(digits, radix: radix)
}
