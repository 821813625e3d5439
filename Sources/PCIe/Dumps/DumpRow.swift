import Hardware

/// One row of bytes, read strictly: anything that is not the grammar is an error.
struct DumpRow {
  let offset: Int
  private(set) var bytes: InlineArray<16, UInt8> = .init(repeating: 0)
  private(set) var count = 0

  /// Reads a line that starts with hexadecimal digits and a colon.
  ///
  /// - Parameters:
  ///   - line: The line.
  ///   - digits: The number of its leading digits.
  /// - Throws: What is wrong with the first part that is not as the grammar says.
  init(_ line: borrowing LineView, digits: Int) throws(DumpTextError.Problem) {
    guard (2...3).contains(digits) else { throw .offsetWidth(digits) }
    var end = line.bytes.count
    while end > 0, line.bytes[end - 1] == UInt8(ascii: " ") { end -= 1 }
    let text = line.bytes.extracting(..<end)

    var offset = 0
    for index in 0..<digits { offset = try offset << 4 | Int(Self.digit(of: text, at: index)) }
    self.offset = offset

    var at = digits + 1
    repeat {
      // A row that ends after the colon lacks a byte, whatever there is in place of the space.
      if let found = text.at(at), found != UInt8(ascii: " ") { throw .separator(found: found) }
      guard count < 16 else { throw .tooManyBytes }
      bytes[count] = try Self.digit(of: text, at: at + 1) << 4 | Self.digit(of: text, at: at + 2)
      count += 1
      at += 3
    } while at < text.count
    if line.isCut { throw .lineTooLong }
  }

  private static func digit(
    of text: Span<UInt8>, at index: Int
  ) throws(DumpTextError.Problem) -> UInt8 {
    guard let value = text.at(index)?.hexDigitValue else { throw .digit(found: text.at(index)) }
    return value
  }
}
