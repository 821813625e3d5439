/// The fields of a payload, little-endian, one after another.
public struct MessageBuilder: Sendable {
  /// The bytes so far.
  public private(set) var bytes: [UInt8] = []

  /// Makes an empty payload.
  public init() {}

  /// Adds an integer.
  ///
  /// - Parameter value: The integer.
  /// - Returns: The payload with it.
  public func adding<T: FixedWidthInteger>(_ value: T) -> Self {
    var copy = self
    var rest = value
    for _ in 0..<T.bitWidth / 8 {
      copy.bytes.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
    return copy
  }

  /// Adds bytes.
  ///
  /// - Parameter more: The bytes.
  /// - Returns: The payload with them.
  public func adding(_ more: [UInt8]) -> Self {
    var copy = self
    copy.bytes += more
    return copy
  }
}
