extension FixedWidthInteger {
  /// The bytes as they lie in memory.
  package var littleEndianBytes: [UInt8] {
    stride(from: 0, to: Self.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: self >> $0) }
  }
}

extension [UInt8] {
  /// The little-endian integer at an offset; what lies past the end counts as zero.
  package func little<Integer: FixedWidthInteger>(_ type: Integer.Type, at offset: Int) -> Integer {
    var value: Integer = 0
    for index in 0..<(Integer.bitWidth / 8) where offset + index < count {
      value |= Integer(truncatingIfNeeded: self[offset + index]) << (index * 8)
    }
    return value
  }
}

/// A number as people write addresses.
package func hex(_ value: some BinaryInteger) -> String { "0x" + String(value, radix: 16) }
