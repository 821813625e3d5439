import PCIe

/// What the tests of text dumps share.
enum Dumps {
  /// The events of a whole text, read in chunks of the given sizes (the last one repeats).
  static func events(_ text: [UInt8], chunks: [Int] = [.max]) -> [DumpEvent] {
    var reader = DumpTextReader()
    var events: [DumpEvent] = []
    var rest = text[...]
    var sizes = chunks[...]
    while !rest.isEmpty {
      let chunk = Array(rest.prefix(sizes.first ?? 1))
      if sizes.count > 1 { sizes.removeFirst() }
      rest = rest.dropFirst(chunk.count)
      reader.consume(chunk.span) { events.append($0) }
    }
    reader.finish { events.append($0) }
    return events
  }

  /// The events of a whole text in one chunk.
  static func events(_ text: String) -> [DumpEvent] { events(Array(text.utf8)) }

  /// Bytes that differ from row to row, with every value among them when there are enough.
  static func bytes(_ count: Int, seed: Int = 1) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 * 7 + $0 / 16 * seed) ^ seed) }
  }

  /// Rows as `lspci` prints them, made without the project's own writer.
  static func rows(_ bytes: [UInt8]) -> [String] {
    stride(from: 0, to: bytes.count, by: 16).map { offset in
      let row = bytes[offset..<min(offset + 16, bytes.count)]
      return pair(offset) + ":" + row.map { " " + pair(Int($0)) }.joined()
    }
  }

  /// A number with at least two digits.
  static func pair(_ value: Int) -> String {
    (value < 0x10 ? "0" : "") + String(value, radix: 16)
  }

  /// A device line, rows and a blank line.
  static func device(_ line: String, _ bytes: [UInt8]) -> String {
    ([line] + rows(bytes)).map { $0 + "\n" }.joined() + "\n"
  }
}

/// Random numbers that depend on the seed alone.
struct DumpsGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    // Xorshift (Marsaglia, 2003), which must not start at zero.
    state = state == 0 ? 0x9E37_79B9_7F4A_7C15 : state
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_F491_4F6C_DD1D
  }
}

extension [DumpEvent] {
  /// The devices among the events.
  var devices: [DumpedDevice] {
    compactMap { if case .device(let device) = $0 { device } else { nil } }
  }
  /// The errors among the events.
  var errors: [DumpTextError] {
    compactMap { if case .error(let error) = $0 { error } else { nil } }
  }
}
