import Hardware

/// A survey line that has the layout this program writes for one device, cut at the places where
/// that layout has its parts.
struct SurveyLineCut {
  /// The bytes of the address.
  private let address: Range<Int>
  /// The bytes of the source.
  private let source: Range<Int>
  /// Where the `survey` object starts.
  let bodyStart: Int

  /// What stands between the parts; kept by whoever cuts many lines.
  struct Layout {
    fileprivate let address = LineKey("{\"address\":\"")
    fileprivate let source = LineKey(",\"source\":\"")
    fileprivate let survey = LineKey(",\"survey\":")
  }

  /// Cuts a line; `nil` for one that has any other layout.
  init?(_ line: Span<UInt8>, _ layout: Layout = Layout()) {
    var at = 0
    var bits: UInt64 = 0
    guard let address = line.string(after: layout.address, &at, &bits),
      let source = line.string(after: layout.source, &at, &bits),
      line.starts(with: layout.survey, at: at)
    else { return nil }
    self.address = address
    self.source = source
    bodyStart = at + layout.survey.count
    let isASCII = bits & 0x8080_8080_8080_8080 == 0
    guard isASCII || line.isUTF8(in: address) && line.isUTF8(in: source) else { return nil }
  }

  /// A hash of all of the object.
  func hash(of line: Span<UInt8>) -> UInt64 { line.hash(from: bodyStart) }

  /// A hash of the start and the end of the object, where most objects differ, in a quarter of the
  /// time.
  func quickHash(of line: Span<UInt8>) -> UInt64 {
    var hash = UInt64(line.count - bodyStart)
    guard hash >= 64 else { return hash }
    for at in [bodyStart + 16, bodyStart + 32, bodyStart + 48, line.count - 32, line.count - 16] {
      hash = hash.folded(line.little(UInt128.self, at: at) ?? 0)
    }
    return hash
  }

  /// Whether the object is, byte for byte, what this program writes for what it says.
  func isAsWritten(_ parsed: SurveyLine, in line: Span<UInt8>) -> Bool {
    var json = JSONText()
    json.object { parsed.writeBody(to: &$0) }
    return json.bytes.span.extracting(droppingFirst: "{\"survey\":".utf8.count)
      .hasSameBytes(as: line.extracting(bodyStart..<line.count))
  }

  /// What the device is called.
  func name(in line: Span<UInt8>) -> String {
    let address = String(copying: line.extracting(address))
    let source = String(copying: line.extracting(source))
    return SurveyLine.name(address: address, source: source) ?? address
  }

  /// Whether the name comes before another one, byte by byte.
  func name(in line: Span<UInt8>, precedes other: [UInt8]) -> Bool {
    // The address starts the name, and mostly settles it; on hosts of one kind the source does.
    var index = 0
    for at in address {
      guard index < other.count else { return false }
      if line[at] != other[index] { return line[at] < other[index] }
      index += 1
    }
    let source = line.extracting(source)
    if source.count > 0, !source.hasSameBytes(as: line.extracting(address)),
      index + 2 < other.count,
      other[index] == UInt8(ascii: " "), other[index + 1] == UInt8(ascii: "(")
    {
      index += 2
      for at in source.indices {
        guard index < other.count else { return false }
        if source[at] != other[index] { return source[at] < other[index] }
        index += 1
      }
    }
    return name(in: line).utf8.lexicographicallyPrecedes(other)
  }

  /// The first eight bytes of the name, the first one highest; 0 when the address is shorter.
  func head(in line: Span<UInt8>) -> UInt64 {
    guard address.count >= 8 else { return 0 }
    return line.little(UInt64.self, at: address.lowerBound)?.byteSwapped ?? 0
  }
}

/// Up to sixteen characters that a line has at some place, as one number.
fileprivate struct LineKey {
  let count: Int
  let value: UInt128

  /// Ones where the characters stand.
  let mask: UInt128

  init(_ text: String) {
    count = text.utf8.count
    value = text.utf8.reversed().reduce(0) { $0 << 8 | UInt128($1) }
    mask = UInt128.max >> UInt128(128 - 8 * count)
  }
}

extension Span where Element == UInt8 {
  /// Whether the key stands at `start`; also `false` within the last sixteen bytes, where no line
  /// that means anything has a key.
  fileprivate func starts(with key: LineKey, at start: Int) -> Bool {
    little(UInt128.self, at: start).map { $0 & key.mask == key.value } ?? false
  }

  /// Where the text of a string stands that follows `key`, without escapes and control characters;
  /// `at` moves behind its closing quote, and `bits` gets the bits of its bytes.
  fileprivate func string(
    after key: LineKey, _ at: inout Int, _ bits: inout UInt64
  ) -> Range<Int>? {
    guard starts(with: key, at: at) else { return nil }
    let start = at + key.count
    guard let end = firstIndex(of: UInt8(ascii: "\""), from: start) else { return nil }
    // The end is found eight bytes at a time, and most texts have one or two times eight.
    var index = start
    while index + 8 <= end, let word = little(UInt64.self, at: index) {
      guard !word.hasByte(UInt8(ascii: "\\")), !word.hasControlByte else { return nil }
      bits |= word
      index += 8
    }
    while index < end {
      guard self[index] != UInt8(ascii: "\\"), self[index] >= 0x20 else { return nil }
      bits |= UInt64(self[index])
      index += 1
    }
    at = end + 1
    return start..<end
  }

  fileprivate func isUTF8(in range: Range<Int>) -> Bool {
    String(validating: [UInt8](copying: extracting(range)), as: UTF8.self) != nil
  }

  /// A hash of the bytes from `start` on, 64 at a time in four independent lanes.
  fileprivate func hash(from start: Int) -> UInt64 {
    var (a, b, c, d) = (UInt64(count - start), 1 as UInt64, 2 as UInt64, 3 as UInt64)
    var at = start
    while let first = little(UInt128.self, at: at), let second = little(UInt128.self, at: at + 16),
      let third = little(UInt128.self, at: at + 32), let fourth = little(UInt128.self, at: at + 48)
    {
      (a, b) = (a.folded(first), b.folded(second))
      (c, d) = (c.folded(third), d.folded(fourth))
      at += 64
    }
    while let next = little(UInt128.self, at: at) {
      a = a.folded(next)
      at += 16
    }
    // The last bytes once more with some before them, rather than one by one.
    if at > start, let last = little(UInt128.self, at: count - 16) {
      b = b.folded(last)
    } else {
      while at < count {
        a = a.folded(UInt128(self[at]))
        at += 1
      }
    }
    return a.folded(UInt128(b)).folded(UInt128(c)).folded(UInt128(d))
  }
}

extension UInt64 {
  /// A hash of this and sixteen bytes: both halves of a product, so that every bit counts.
  @inline(__always)
  fileprivate func folded(_ bytes: UInt128) -> UInt64 {
    let low = UInt64(truncatingIfNeeded: bytes) ^ self ^ 0x9E37_79B9_7F4A_7C15
    let high = UInt64(truncatingIfNeeded: bytes >> 64) ^ 0xC2B2_AE3D_27D4_EB4F
    let product = low.multipliedFullWidth(by: high)
    return product.high ^ product.low
  }

  /// Whether one of its eight bytes is this one.
  @inline(__always)
  fileprivate func hasByte(_ byte: UInt8) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let difference = self ^ ones &* UInt64(byte)
    return (difference &- ones) & ~difference & (ones &* 0x80) != 0
  }

  /// Whether one of its eight bytes is below a space.
  @inline(__always)
  fileprivate var hasControlByte: Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    return (self &- ones &* 0x20) & ~self & (ones &* 0x80) != 0
  }
}

extension Array where Element == UInt8 {
  /// A copy of a span's bytes.
  init(copying span: Span<UInt8>) {
    self = []
    reserveCapacity(span.count)
    for index in span.indices { append(span[index]) }
  }
}

extension String {
  /// The text of some UTF-8 bytes; what is not UTF-8 becomes replacement characters.
  init(copying span: Span<UInt8>) {
    self.init(decoding: [UInt8](copying: span), as: UTF8.self)
  }
}
