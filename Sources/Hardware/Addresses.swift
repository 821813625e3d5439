/// Addresses of the spaces that a DMA passes through; each is a type of its own, so that none can
/// be taken for another.

/// An I/O virtual address: what a device puts on the bus.
@frozen
public struct IOVA: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The address in bytes.
  public var rawValue: UInt64

  /// Makes an address.
  ///
  /// - Parameter rawValue: The address in bytes.
  @inlinable
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Makes an address.
  ///
  /// - Parameter rawValue: The address in bytes.
  @inlinable
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// Orders by number.
  @inlinable
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A guest physical address, or intermediate physical address: what stage 2 translates.
@frozen
public struct GuestPhysicalAddress:
  RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable
{
  /// The address in bytes.
  public var rawValue: UInt64

  /// Makes an address.
  ///
  /// - Parameter rawValue: The address in bytes.
  @inlinable
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Makes an address.
  ///
  /// - Parameter rawValue: The address in bytes.
  @inlinable
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// Orders by number.
  @inlinable
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
