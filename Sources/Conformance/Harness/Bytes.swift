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

/// A structure in words: its type and the fields that are not zero.
func words(_ argument: some Any) -> String {
  let fields = Mirror(reflecting: argument).children.compactMap { label, value -> String? in
    let text = "\(value)"
    guard let label, label != "size", text != "0" else { return nil }
    return "\(label) " + (UInt64(text).map { $0 < 10 ? text : hex($0) } ?? text)
  }
  return fields.joined(separator: ", ")
}
