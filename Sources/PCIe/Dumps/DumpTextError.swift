import Hardware

/// Why rows of a text dump could not be taken as a config space.
public struct DumpTextError: Error, Hashable, Sendable {
  /// The line where the problem shows, from 1.
  public let line: Int
  /// The device that the line belongs to; `nil` when no device line came before it.
  public let address: PCIAddress?
  /// What is wrong.
  public let problem: Problem

  /// Makes an error from its parts.
  ///
  /// - Parameters:
  ///   - line: The line, from 1.
  ///   - address: The device that the line belongs to.
  ///   - problem: What is wrong there.
  public init(line: Int, address: PCIAddress?, problem: Problem) {
    self.line = line
    self.address = address
    self.problem = problem
  }

  /// What can be wrong with a row, or with the rows of a device.
  public enum Problem: Error, Hashable, Sendable {
    /// A row that no device line came before.
    case rowWithoutDevice
    /// The row's offset has one digit, or more than three.
    case offsetWidth(Int)
    /// The row's offset does not follow the row before: a row is missing, double or misplaced.
    case offset(expected: Int, found: Int)
    /// A row after the 4,096 bytes that a config space can have.
    case pastEnd
    /// A character that is not the hexadecimal digit it should be; `nil` is the end of the line.
    case digit(found: UInt8?)
    /// A character where the space before a byte should be.
    case separator(found: UInt8)
    /// A row with more than 16 bytes.
    case tooManyBytes
    /// A row with fewer than 16 bytes that another row follows.
    case shortRow(Int)
    /// A row that goes on past ``DumpTextReader/lineLimit``, be it with spaces.
    case lineTooLong
    /// The device ends after a number of bytes that no config space has.
    case size(Int)
  }
}

extension DumpTextError: CustomStringConvertible {
  /// The error in words: `line 17: expected …, found …`.
  public var description: String {
    let device = address.map { " (device \($0))" } ?? ""
    return "line \(line): \(problem)\(device)"
  }
}

extension DumpTextError.Problem: CustomStringConvertible {
  /// What was expected, and what was found.
  public var description: String {
    switch self {
    case .rowWithoutDevice:
      "expected a device line such as 0000:6a:01.0 before the bytes, found none"
    case .offsetWidth(let digits):
      "expected an offset of 2 or 3 digits, found \(digits)"
    case .offset(let expected, let found):
      "expected the row at \(expected.hex), found \(found.hex)"
    case .pastEnd:
      "expected the end of the device after 4096 bytes, found another row"
    case .digit(let found):
      "expected a hexadecimal digit, found \(Self.name(of: found))"
    case .separator(let found):
      "expected a space, found \(Self.name(of: found))"
    case .tooManyBytes:
      "expected at most 16 bytes in a row, found more"
    case .shortRow(let count):
      "expected 16 bytes in a row that others follow, found \(count)"
    case .lineTooLong:
      "expected a row of at most \(DumpTextReader.lineLimit) characters, found more"
    case .size(let count):
      "expected 64, 128, 256 or 4096 bytes in all, found \(count)"
    }
  }

  private static func name(of byte: UInt8?) -> String {
    switch byte {
    case nil: "the end of the line"
    case let byte? where (0x21...0x7E).contains(byte): "'\(Unicode.Scalar(byte))'"
    case 0x20?: "a space"
    case let byte?: "the byte \(byte.hex)"
    }
  }
}
