import Hardware

// What a single line is, and what it does to the device at hand.
extension DumpTextReader {
  mutating func readLine(_ text: borrowing LineView, _ event: (DumpEvent) -> Void) {
    line += 1
    guard let digits = text.leadingDigits else {
      // Blank lines do not end the skipping after an error: only a device line does.
      if state == .reading, text.isBlank { endDevice(event) }
      return
    }
    if let shape = text.addressLength, let address = PCIAddress(text.bytes, length: shape) {
      endDevice(event)
      device.open(address, at: line, titled: text.bytes.extracting(shape...))
      state = .reading
      return
    }
    guard text.bytes.at(digits) == UInt8(ascii: ":") else { return }
    switch state {
    case .skipping: break
    case .outside:
      // Text around a dump may well start like `add: `, so this wants to see a byte, too.
      if text.showsByte(after: digits) { fail(.rowWithoutDevice, at: line, event) }
    case .reading:
      do throws(DumpTextError.Problem) {
        try readRow(text, digits: digits)
      } catch {
        // A short row shows only when another one follows; it is the earlier line that is wrong.
        if case .shortRow = error { return fail(error, at: device.lastRow, event) }
        fail(error, at: line, event)
      }
    }
  }

  private mutating func readRow(
    _ text: borrowing LineView, digits: Int
  ) throws(DumpTextError.Problem) {
    guard device.filled.isMultiple(of: 16) else { throw .shortRow(device.filled % 16) }
    guard device.filled < ConfigSpace.extendedSize else { throw .pastEnd }
    let row = try DumpRow(text, digits: digits)
    guard row.offset == device.filled else {
      throw .offset(expected: device.filled, found: row.offset)
    }
    device.append(row)
    device.lastRow = line
  }
}

extension PCIAddress {
  /// Reads an address from the first bytes of a line.
  init?(_ line: Span<UInt8>, length: Int) {
    // A span is no sequence; this costs a small allocation once a device line.
    var text: [UInt8] = []
    text.reserveCapacity(length)
    for index in 0..<length { text.append(line[index]) }
    self.init(utf8: text)
  }
}
