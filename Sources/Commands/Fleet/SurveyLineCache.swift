import Hardware
import Placement

/// Remembers what survey objects mean, because devices of a fleet mostly show the same.
///
/// A line that this program wrote is cut at fixed places, and its `survey` object looked up byte for
/// byte; only objects that are new, or lines that are laid out otherwise, are parsed. The memory has
/// a bound, and forgetting costs time only.
struct SurveyLineCache {
  /// A line cut in three; the bytes are those of the line.
  struct Cut {
    let name: String
    /// Where the `survey` object starts.
    let bodyStart: Int
    /// A hash of the object.
    let hash: UInt64
  }

  private struct Entry {
    let body: [UInt8]
    let key: KeyedEvidence
  }

  private static let byteLimit = 8 << 20

  private var entries: [UInt64: Entry] = [:]
  private var size = 0

  /// What the object of a cut line means, if it was remembered.
  func lookUp(_ cut: Cut, in line: Span<UInt8>) -> KeyedEvidence? {
    guard let entry = entries[cut.hash],
      entry.body.span.isEqual(to: line.extracting(cut.bodyStart..<line.count))
    else { return nil }
    return entry.key
  }

  /// Remembers what the object of a cut line means, when the line is just as this program writes it.
  ///
  /// In any other line, keys behind the object could say more about its devices.
  mutating func remember(
    _ key: KeyedEvidence, of parsed: SurveyLine, _ cut: Cut, in line: Span<UInt8>
  ) {
    let body = line.extracting(cut.bodyStart..<line.count)
    var json = JSONText()
    json.object { parsed.writeBody(to: &$0) }
    // From behind `{"survey":` on.
    guard json.bytes.span.extracting(droppingFirst: Self.surveyKey.count).isEqual(to: body)
    else { return }
    if size + body.count > Self.byteLimit {
      entries.removeAll()
      size = 0
    }
    entries[cut.hash] = Entry(body: Array(copying: body), key: key)
    size += body.count
  }

  /// Cuts a line that has the layout this program writes for one device; `nil` for any other.
  static func cut(_ line: Span<UInt8>) -> Cut? {
    var at = 0
    guard let address = line.string(after: Self.addressKey, &at),
      let source = line.string(after: Self.sourceKey, &at),
      line.starts(with: Self.surveyKey, at: at),
      let name = SurveyLine.name(address: address, source: source)
    else { return nil }
    at += Self.surveyKey.count
    return Cut(name: name, bodyStart: at, hash: line.hash(from: at))
  }

  private static let addressKey = Array("{\"address\":\"".utf8)
  private static let sourceKey = Array(",\"source\":\"".utf8)
  private static let surveyKey = Array(",\"survey\":".utf8)
}

extension Array where Element == UInt8 {
  /// A copy of a span's bytes.
  init(copying span: Span<UInt8>) {
    self = []
    reserveCapacity(span.count)
    for index in span.indices { append(span[index]) }
  }
}

extension Span where Element == UInt8 {
  fileprivate func starts(with prefix: [UInt8], at start: Int) -> Bool {
    guard count - start >= prefix.count else { return false }
    for index in prefix.indices where self[start + index] != prefix[index] { return false }
    return true
  }

  /// The text of a string without escapes that follows `key`; `at` moves behind its closing quote.
  fileprivate func string(after key: [UInt8], _ at: inout Int) -> String? {
    guard starts(with: key, at: at) else { return nil }
    let start = at + key.count
    guard let end = firstIndex(of: UInt8(ascii: "\""), from: start) else { return nil }
    for index in start..<end where self[index] == UInt8(ascii: "\\") || self[index] < 0x20 {
      return nil
    }
    guard let text = String(validating: [UInt8](copying: extracting(start..<end)), as: UTF8.self)
    else { return nil }
    at = end + 1
    return text
  }

  /// A hash of the bytes from `start` on, eight at a time.
  fileprivate func hash(from start: Int) -> UInt64 {
    var hash = UInt64(count - start) &* 0x9E37_79B9_7F4A_7C15
    var at = start
    while let word = little(UInt64.self, at: at) {
      hash = (hash ^ word) &* 0xFF51_AFD7_ED55_8CCD
      hash ^= hash >> 32
      at += 8
    }
    while at < count {
      hash = (hash ^ UInt64(self[at])) &* 0x100_0000_01B3
      at += 1
    }
    return hash
  }

  fileprivate func isEqual(to other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    var at = 0
    while let a = little(UInt64.self, at: at), let b = other.little(UInt64.self, at: at) {
      if a != b { return false }
      at += 8
    }
    while at < count {
      if self[at] != other[at] { return false }
      at += 1
    }
    return true
  }
}
