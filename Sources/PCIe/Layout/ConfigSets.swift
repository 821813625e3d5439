public import Hardware

/// A set of bytes of a config space: one bit for each of 4,096 bytes.
public typealias ConfigByteSet = FixedBitSet<64>

/// A set of dwords of a config space: one bit for each of 1,024 dwords.
public typealias DwordSet = FixedBitSet<16>

extension ConfigByteSet {
  /// The dwords of which at least one byte is in this set.
  public var dwords: DwordSet {
    var result = DwordSet()
    for word in 0..<64 { result.insertDwords(ofBytes: self[word: word], word: word) }
    return result
  }
}

extension DwordSet {
  /// Adds the dwords of which a byte is in one word of a ``ConfigByteSet``.
  mutating func insertDwords(ofBytes bytes: UInt64, word: Int) {
    guard bytes != 0 else { return }
    var x = bytes
    // Four bits become one, then the sixteen that remain move together.
    x |= x >> 1
    x |= x >> 2
    x &= 0x1111_1111_1111_1111
    x = (x | x >> 3) & 0x0303_0303_0303_0303
    x = (x | x >> 6) & 0x000F_000F_000F_000F
    x = (x | x >> 12) & 0x0000_00FF_0000_00FF
    x = (x | x >> 24) & 0xFFFF
    self[word: word >> 2] |= x << UInt64((word & 3) * 16)
  }
}

extension ConfigSpace {
  /// The bytes that are not zero.
  ///
  /// - Complexity: One pass over the space, sixteen bytes at a time; no allocation.
  public var nonZeroBytes: ConfigByteSet {
    var result = ConfigByteSet()
    let span = bytes.span
    // Most of a config space is zero, so ask for sixteen bytes first.
    for offset in stride(from: 0, to: size, by: 16) {
      guard let sixteen = span.little(UInt128.self, at: offset), sixteen != 0 else { continue }
      let bits =
        Self.nonZeroBytes(of: sixteen.lowHalf) | Self.nonZeroBytes(of: sixteen.highHalf) << 8
      result[word: offset >> 6] |= bits << UInt64(offset & 0x30)
    }
    return result
  }

  /// One bit for each of eight bytes.
  private static func nonZeroBytes(of eight: UInt64) -> UInt64 {
    // The top bit of each byte becomes "not zero"; the product gathers the eight of them.
    let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
    let tops = ((eight & low) + low | eight) & ~low
    return ((tops >> 7) &* 0x0102_0408_1020_4080) >> 56
  }
}
