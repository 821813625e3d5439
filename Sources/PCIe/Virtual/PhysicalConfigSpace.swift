/// The config space of the device that a virtual one stands in front of.
///
/// Every access that arrives here is naturally aligned and ends within 4,096 bytes. A read may have
/// side effects, so it is made only for bytes that the guest asked for. A device that does not have
/// the bytes, or is gone, answers all ones and drops the write, as a bus does.
public protocol PhysicalConfigSpace: ~Copyable {
  /// Reads from the device.
  ///
  /// - Parameters:
  ///   - width: The number of bytes.
  ///   - offset: The offset of the lowest byte, a multiple of the width.
  /// - Returns: The little-endian value; bits beyond the width do not matter.
  mutating func read(_ width: AccessWidth, at offset: Int) -> UInt32

  /// Writes to the device.
  ///
  /// - Parameters:
  ///   - value: The little-endian value, zero beyond the width.
  ///   - width: The number of bytes.
  ///   - offset: The offset of the lowest byte, a multiple of the width.
  mutating func write(_ value: UInt32, _ width: AccessWidth, at offset: Int)
}

/// A snapshot stands in for a device: it answers what was read once, and drops writes.
extension ConfigSpace: PhysicalConfigSpace {
  /// The bytes as they were read; all ones outside the space.
  @inlinable
  public func read(_ width: AccessWidth, at offset: Int) -> UInt32 {
    switch width {
    case .byte: UInt32(read8(offset))
    case .word: UInt32(read16(offset))
    case .dword: read32(offset)
    }
  }

  /// Does nothing: no register stands behind a snapshot.
  @inlinable
  public func write(_ value: UInt32, _ width: AccessWidth, at offset: Int) {}
}
