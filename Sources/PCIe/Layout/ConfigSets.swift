public import Hardware

/// A set of bytes of a config space: one bit for each of 4,096 bytes.
public typealias ConfigByteSet = FixedBitSet<64>

/// A set of dwords of a config space: one bit for each of 1,024 dwords.
public typealias DwordSet = FixedBitSet<16>

extension ConfigByteSet {
  /// The dwords of which at least one byte is in this set.
  public var dwords: DwordSet {
    var result = DwordSet()
    for word in 0..<64 {
      var x = self[word: word]
      guard x != 0 else { continue }
      // Four bits become one, then the sixteen that remain move together.
      x |= x >> 1
      x |= x >> 2
      x &= 0x1111_1111_1111_1111
      x = (x | x >> 3) & 0x0303_0303_0303_0303
      x = (x | x >> 6) & 0x000F_000F_000F_000F
      x = (x | x >> 12) & 0x0000_00FF_0000_00FF
      x = (x | x >> 24) & 0xFFFF
      result[word: word >> 2] |= x << UInt64((word & 3) * 16)
    }
    return result
  }
}

extension ConfigSpace {
  /// The bytes that are not zero.
  ///
  /// - Complexity: One pass over the space, eight bytes at a time; no allocation.
  public var nonZeroBytes: ConfigByteSet {
    var result = ConfigByteSet()
    let span = bytes.span
    for offset in stride(from: 0, to: size, by: 8) {
      guard let eight = span.little(UInt64.self, at: offset), eight != 0 else { continue }
      // The top bit of each byte becomes "not zero"; the product gathers the eight of them.
      let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
      let tops = ((eight & low) + low | eight) & ~low
      let gathered = ((tops >> 7) &* 0x0102_0408_1020_4080) >> 56
      result[word: offset >> 6] |= gathered << UInt64(offset & 0x38)
    }
    return result
  }
}
