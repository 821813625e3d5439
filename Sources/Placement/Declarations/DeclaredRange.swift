import Hardware

/// A range of config space that somebody declared free or forbidden.
public struct DeclaredRange: Hashable, Sendable {
  /// What was declared.
  public enum Verdict: Hashable, Sendable {
    /// No register lives there.
    case free
    /// Hands off, whatever the bytes say.
    case forbidden
  }

  /// The bytes, first and last inclusive.
  public let bytes: ClosedRange<Int>
  /// What was declared of them.
  public let verdict: Verdict
  /// Who said so, for people to check.
  public let source: String

  /// Makes a declaration.
  ///
  /// - Parameters:
  ///   - bytes: The bytes, within 0x100 to 0xfff.
  ///   - verdict: What is declared of them.
  ///   - source: Who says so.
  /// - Throws: ``DeclarationError/outOfRange(_:)`` for bytes outside the extended space.
  public init(
    _ bytes: ClosedRange<Int>, _ verdict: Verdict, source: String
  ) throws(DeclarationError) {
    guard bytes.lowerBound >= 0x100, bytes.upperBound <= 0xFFF else { throw .outOfRange(bytes) }
    self.bytes = bytes
    self.verdict = verdict
    self.source = source
  }

  /// The dwords that lie in the range with all their bytes; `nil` when there are none.
  var wholeDwords: ClosedRange<Int>? {
    let first = (bytes.lowerBound + 3) / 4
    let end = (bytes.upperBound + 1) / 4
    return first < end ? first...end - 1 : nil
  }

  /// Whether something stands in the range.
  func isContradicted(by ground: Ground) -> Bool {
    wholeDwords.map { ground.taken.intersects($0) } ?? false
  }

  /// Reads a range as users write it, both ends inclusive: `0xe00-0xfff`.
  ///
  /// - Parameter text: Two numbers, hexadecimal with `0x` or decimal.
  /// - Returns: The range.
  /// - Throws: ``DeclarationError`` when the text is no range or not within 0x100 to 0xfff.
  public static func bytes(_ text: String) throws(DeclarationError) -> ClosedRange<Int> {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let first = parseNumber(ends[0]), let last = parseNumber(ends[1]),
      first <= last
    else { throw .notARange(text) }
    guard first >= 0x100, last <= 0xFFF else { throw .outOfRange(first...last) }
    return first...last
  }
}

/// Why a declaration could not be used.
public enum DeclarationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The text is not two numbers with a hyphen, the lower one first.
  case notARange(String)
  /// The range leaves the extended config space.
  case outOfRange(ClosedRange<Int>)
  /// A quirk names no source.
  case noSource(vendorID: UInt16, deviceID: UInt16)

  /// The error in words, with what was expected.
  public var description: String {
    switch self {
    case .notARange(let text):
      "\"\(text)\" is not a range: expected FIRST-LAST, both inclusive, such as 0xe00-0xfff"
    case .outOfRange(let bytes):
      "\(bytes.lowerBound.hex)-\(bytes.upperBound.hex) is not within the extended config space, "
        + "0x100-0xfff"
    case .noSource(let vendor, let device):
      "the quirk for \(vendor.hex(digits: 4)):\(device.hex(digits: 4)) has no source: expected a "
        + "line that says who declares this"
    }
  }
}
