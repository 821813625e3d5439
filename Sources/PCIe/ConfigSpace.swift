public import Hardware

/// The bytes of one function's configuration space, as they were read.
///
/// A complete PCIe space has 4,096 bytes. A reader without privileges gets only the first 64
/// (128 from a CardBus bridge), and a conventional function has 256.
public struct ConfigSpace: Hashable, Sendable {
  /// The sizes that a config space or a partial read of one can have, in bytes.
  public static let sizes = [64, 128, 256, 4096]

  /// Size of a complete PCI Express configuration space, in bytes.
  public static let extendedSize = 4096

  /// Offset of the extended configuration space, in bytes.
  public static let extendedStart = 0x100

  /// The bytes from offset 0; their number is one of ``sizes``.
  public let bytes: [UInt8]

  /// Takes over the bytes of a config space.
  ///
  /// - Parameter bytes: The bytes from offset 0.
  /// - Throws: ``ConfigSpaceError/size(_:)`` when their number is none of ``sizes``.
  public init(_ bytes: [UInt8]) throws(ConfigSpaceError) {
    guard Self.sizes.contains(bytes.count) else { throw .size(bytes.count) }
    self.bytes = bytes
  }

  /// For callers that made the bytes themselves.
  package init(unchecked bytes: [UInt8]) {
    assert(Self.sizes.contains(bytes.count))
    self.bytes = bytes
  }

  /// The number of bytes that were read.
  @inlinable
  public var size: Int { bytes.count }

  /// The byte at `offset`; all ones outside the space, as a bus answers.
  @inlinable
  public func read8(_ offset: Int) -> UInt8 {
    bytes.indices.contains(offset) ? bytes[offset] : .max
  }

  /// The little-endian 16-bit value at `offset`; all ones when it does not lie within the space.
  @inlinable
  public func read16(_ offset: Int) -> UInt16 {
    bytes.span.little(UInt16.self, at: offset) ?? .max
  }

  /// The little-endian 32-bit value at `offset`; all ones when it does not lie within the space.
  @inlinable
  public func read32(_ offset: Int) -> UInt32 {
    bytes.span.little(UInt32.self, at: offset) ?? .max
  }
}

extension ConfigSpace: CustomStringConvertible {
  /// Whose space it is and how much of it: `8086:0b25, 4096 bytes`.
  public var description: String {
    "\(vendorID.hex(digits: 4)):\(deviceID.hex(digits: 4)), \(size) bytes"
  }
}

/// Why bytes could not be taken as a config space.
public enum ConfigSpaceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The number of bytes is none that a config space can have.
  case size(Int)

  /// The error in words, with what was expected.
  public var description: String {
    switch self {
    case .size(let count):
      "\(count) bytes cannot be a config space: expected 64, 128, 256 or 4096"
    }
  }
}

// The identity of a function, PCI Express Base Specification 7.5.1.1 (type 0/1 common header).
extension ConfigSpace {
  /// Vendor ID, offset 0x00; 0xFFFF when nothing answered.
  public var vendorID: UInt16 { read16(0x00) }
  /// Device ID, offset 0x02.
  public var deviceID: UInt16 { read16(0x02) }
  /// Revision ID, offset 0x08.
  public var revision: UInt8 { read8(0x08) }
  /// Class code, offset 0x09: base class, subclass and programming interface, 24 bits.
  public var classCode: UInt32 { read32(0x08) >> 8 }
  /// Header type without the multi-function bit, offset 0x0E: 0 endpoint, 1 bridge, 2 CardBus.
  public var headerType: UInt8 { read8(0x0E) & 0x7F }
  /// Whether identity and class read as all ones: the function is gone or never was there.
  ///
  /// A virtual function has an identity of all ones, but a class of its own (SR-IOV 3.4.1.1).
  public var isAbsent: Bool { read32(0x00) == .max && read32(0x08) == .max }

  /// Subsystem vendor and device ID as `vendor << 16 | device`, or 0 when there is none.
  ///
  /// An endpoint has them at 0x2C and a CardBus bridge at 0x40; a PCI bridge has a capability for
  /// them (ID 0x0D), which the walk finds.
  public var headerSubsystem: UInt32 {
    switch headerType {
    case 0: UInt32(read16(0x2C)) << 16 | UInt32(read16(0x2E))
    case 2 where size > 0x44: UInt32(read16(0x40)) << 16 | UInt32(read16(0x42))
    default: 0
    }
  }
}
