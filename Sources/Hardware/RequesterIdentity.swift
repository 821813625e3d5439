/// A process address space ID: 20 bits, as PCIe carries it in a TLP prefix.
@frozen
public struct PASID: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The number, below 2^20.
  public let rawValue: UInt32

  /// Makes a PASID, or `nil` from a number that needs more than 20 bits.
  ///
  /// - Parameter rawValue: The number.
  @inlinable
  public init?(rawValue: UInt32) {
    guard rawValue < 1 << 20 else { return nil }
    self.rawValue = rawValue
  }

  /// Orders by number.
  @inlinable
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// Who made a request: segment, bus, and device with function.
@frozen
public struct RequesterID: Hashable, Sendable, BitwiseCopyable {
  /// The PCI segment.
  public var segment: UInt16
  /// The bus.
  public var bus: UInt8
  /// Device in bits 7:3, function in bits 2:0.
  public var devfn: UInt8

  /// Makes a requester ID.
  ///
  /// - Parameters:
  ///   - segment: The PCI segment.
  ///   - bus: The bus.
  ///   - devfn: Device in bits 7:3, function in bits 2:0.
  @inlinable
  public init(segment: UInt16 = 0, bus: UInt8, devfn: UInt8) {
    self.segment = segment
    self.bus = bus
    self.devfn = devfn
  }

  /// The 16 bits that a TLP carries: bus in bits 15:8, devfn in bits 7:0.
  @inlinable
  public var sourceID: UInt16 { UInt16(bus) << 8 | UInt16(devfn) }

  /// Takes the 16 bits that a TLP carries apart.
  ///
  /// - Parameters:
  ///   - segment: The PCI segment.
  ///   - sourceID: Bus in bits 15:8, devfn in bits 7:0.
  @inlinable
  public init(segment: UInt16 = 0, sourceID: UInt16) {
    self.init(
      segment: segment, bus: UInt8(sourceID >> 8), devfn: UInt8(truncatingIfNeeded: sourceID))
  }

  /// The place within its segment as `lspci` prints it, such as `00:08.0`.
  public var place: String {
    "\(bus.hex(digits: 2)):\((devfn >> 3).hex(digits: 2)).\(devfn & 7)"
  }
}

/// What a DMA request wants, or what a translation allows.
@frozen
public struct DMAAccess: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The flags.
  public let rawValue: UInt8

  /// Makes a set from its flags.
  ///
  /// - Parameter rawValue: The flags.
  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Reading.
  @inlinable
  public static var read: Self { Self(rawValue: 1) }
  /// Writing.
  @inlinable
  public static var write: Self { Self(rawValue: 2) }
  /// Reading instructions: PCIe's Execute Requested.
  @inlinable
  public static var execute: Self { Self(rawValue: 4) }
  /// In privileged mode: PCIe's Privileged Mode Requested.
  @inlinable
  public static var privileged: Self { Self(rawValue: 8) }
}
