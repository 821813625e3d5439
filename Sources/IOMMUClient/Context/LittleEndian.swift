import Hardware

extension [UInt8] {
  /// Adds an integer in the byte order of the structures, which all of Linux's iommufd systems
  /// share.
  mutating func append<Value: FixedWidthInteger & UnsignedInteger>(little value: Value) {
    var rest = value
    for _ in 0..<Value.bitWidth / 8 {
      append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  /// The integer at an offset; 0 when the bytes end before it does.
  func little<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type, at offset: Int
  ) -> Value {
    span.little(type, at: offset) ?? 0
  }
}
