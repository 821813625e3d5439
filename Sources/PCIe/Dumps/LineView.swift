import Hardware

/// One line of a text dump without its end, cut at the reader's limit.
struct LineView: ~Escapable {
  let bytes: Span<UInt8>
  /// Whether the line goes on after `bytes`.
  let isCut: Bool

  /// A view of a line.
  ///
  /// - Parameters:
  ///   - raw: The bytes before the LF, or the first of them.
  ///   - isCut: Whether the caller kept only the first of them.
  @_lifetime(copy raw)
  init(_ raw: Span<UInt8>, isCut: Bool = false) {
    self.isCut = isCut || raw.count > DumpTextReader.lineLimit
    if self.isCut {
      bytes = raw.extracting(first: DumpTextReader.lineLimit)
    } else {
      bytes = raw.extracting(droppingLast: raw.at(raw.count - 1) == UInt8(ascii: "\r") ? 1 : 0)
    }
  }

  /// The number of hexadecimal digits that the line starts with; `nil` when there are none.
  ///
  /// No more than eight are counted: no address has more.
  var leadingDigits: Int? {
    var count = 0
    while count < 8, bytes.at(count)?.hexDigitValue != nil { count += 1 }
    return count > 0 ? count : nil
  }

  /// Whether the whole line has nothing but spaces and tabs.
  var isBlank: Bool {
    guard !isCut else { return false }
    for index in bytes.indices where !bytes[index].isSpaceOrTab { return false }
    return true
  }

  /// The length of what looks like an address at the start of the line: `[…:]..:...` up to a space,
  /// a tab or the end.
  var addressLength: Int? {
    var end = 0
    while let byte = bytes.at(end), !byte.isSpaceOrTab {
      end += 1
      // Eight digits of domain and a colon before `bb:dd.f`.
      guard end <= 16 else { return nil }
    }
    guard bytes.at(end - 2) == UInt8(ascii: "."), bytes.at(end - 5) == UInt8(ascii: ":"),
      end == 7 || bytes.at(end - 8) == UInt8(ascii: ":")
    else { return nil }
    return end
  }

  /// Whether a space and two digits with nothing else attached follow the colon after `digits`.
  func showsByte(after digits: Int) -> Bool {
    guard bytes.at(digits + 1) == UInt8(ascii: " "), bytes.at(digits + 2)?.hexDigitValue != nil,
      bytes.at(digits + 3)?.hexDigitValue != nil
    else { return false }
    return bytes.at(digits + 4)?.isSpaceOrTab ?? true
  }
}

/// The bytes of a line that has not ended yet, as far as they count.
struct LineStart: Sendable {
  private(set) var bytes: [UInt8] = []
  private(set) var isCut = false

  var isStarted: Bool { !bytes.isEmpty }

  mutating func append(_ more: Span<UInt8>) {
    let room = DumpTextReader.lineLimit - bytes.count
    isCut = isCut || more.count > room
    for index in 0..<min(room, more.count) { bytes.append(more[index]) }
  }

  mutating func clear() {
    bytes.removeAll(keepingCapacity: true)
    isCut = false
  }
}

extension UInt8 {
  var isSpaceOrTab: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}

extension Span where Element == UInt8 {
  /// The byte at `index`, or `nil` outside the span.
  func at(_ index: Int) -> UInt8? { index >= 0 && index < count ? self[index] : nil }

  /// The index of the first LF at `start` or after it.
  func firstLineFeed(from start: Int) -> Int? {
    var at = start
    while let word = little(UInt64.self, at: at) {
      // A byte that is zero here is an LF: it borrows from its top bit. Bytes above the lowest hit
      // may borrow falsely, the lowest one is exact.
      let zero = word ^ 0x0A0A_0A0A_0A0A_0A0A
      let hits = (zero &- 0x0101_0101_0101_0101) & ~zero & 0x8080_8080_8080_8080
      if hits != 0 { return at + hits.trailingZeroBitCount / 8 }
      at += 8
    }
    while at < count {
      if self[at] == UInt8(ascii: "\n") { return at }
      at += 1
    }
    return nil
  }
}
