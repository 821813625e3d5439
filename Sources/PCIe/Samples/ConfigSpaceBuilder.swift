import Hardware

/// Builds a config space register by register, for samples, models and tests.
public struct ConfigSpaceBuilder: Sendable {
  private var bytes: [UInt8]

  /// Starts with zeros.
  ///
  /// - Parameter size: One of ``ConfigSpace/sizes``; any other size is a bug of ours and traps.
  public init(size: Int = ConfigSpace.extendedSize) {
    precondition(ConfigSpace.sizes.contains(size), "no config space has \(size) bytes")
    bytes = Array(repeating: 0, count: size)
  }

  /// Starts with an existing space.
  ///
  /// - Parameter config: The bytes to start from.
  public init(_ config: ConfigSpace) { bytes = config.bytes }

  /// Writes one byte.
  public mutating func put8(_ value: UInt8, at offset: Int) { bytes[offset] = value }

  /// Writes a little-endian 16-bit value.
  public mutating func put16(_ value: UInt16, at offset: Int) {
    put8(UInt8(truncatingIfNeeded: value), at: offset)
    put8(UInt8(truncatingIfNeeded: value >> 8), at: offset + 1)
  }

  /// Writes little-endian 32-bit values one after the other.
  public mutating func put32(_ values: UInt32..., at offset: Int) {
    for (index, value) in values.enumerated() {
      put16(UInt16(truncatingIfNeeded: value), at: offset + 4 * index)
      put16(UInt16(truncatingIfNeeded: value >> 16), at: offset + 4 * index + 2)
    }
  }

  /// Writes the header of an extended capability.
  ///
  /// - Parameters:
  ///   - id: The capability ID.
  ///   - version: Its version, 0 to 15.
  ///   - next: The offset of the next capability, 0 for none.
  ///   - offset: Where the header goes.
  public mutating func putExtendedHeader(
    id: UInt16, version: UInt8 = 1, next: Int, at offset: Int
  ) {
    put32(ExtendedHeader(id: id, version: version, next: next).rawValue, at: offset)
  }

  /// The config space as built so far.
  public var config: ConfigSpace { ConfigSpace(unchecked: bytes) }
}
