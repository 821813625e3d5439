import Hardware

/// Any access as naturally aligned ones of 1, 2, 4 or 8 bytes.
enum AlignedAccess {
  /// Cuts an access into pieces, lowest address first.
  static func forEach(
    _ offset: UInt64, _ byteCount: Int, _ body: (_ place: Int, _ count: Int) -> Void
  ) {
    var place = 0
    while place < byteCount {
      let at = offset &+ UInt64(place)
      var count = 8
      while count > 1, at & UInt64(count - 1) != 0 || count > byteCount - place { count /= 2 }
      body(place, count)
      place += count
    }
  }
}

extension MutableSpan where Element == UInt8 {
  /// Stores the low bytes of a value; the range is in the span.
  mutating func store(_ value: UInt64, _ byteCount: Int, at offset: Int) {
    for index in 0..<byteCount {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
  }
}

extension Span where Element == UInt8 {
  /// A little-endian value of up to eight bytes; the range is in the span.
  func value(_ byteCount: Int, at offset: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<byteCount { value |= UInt64(self[offset + index]) << UInt64(8 * index) }
    return value
  }
}
