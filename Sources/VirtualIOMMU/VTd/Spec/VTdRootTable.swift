public import Hardware

/// The root table address register, RTADDR.
///
/// VT-d §11.4.6.
@frozen
public struct VTdRootTableAddress: BitRegister, Codable {
  /// All bits.
  public var rawValue: UInt64
  /// Makes a register from all its bits.
  ///
  /// - Parameter rawValue: All bits.
  @inlinable
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// What kind of tables it leads to.
  @frozen
  public struct Mode: RawRepresentable, Hashable, Sendable {
    /// The field TTM.
    public let rawValue: UInt8
    /// Makes a mode from the field.
    ///
    /// - Parameter rawValue: The field.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Legacy mode.
    public static var legacy: Self { Self(rawValue: 0) }
    /// Scalable mode.
    public static var scalable: Self { Self(rawValue: 1) }
    /// Every request is refused.
    public static var abort: Self { Self(rawValue: 3) }
  }

  /// TTM, bits 11:10.
  public var mode: Mode { Mode(rawValue: UInt8(self[10...11])) }
  /// RTA, bits 63:12.
  public var table: GuestPhysicalAddress { GuestPhysicalAddress(rawValue & ~0xFFF) }
}

/// One half of a root entry: all of it in legacy mode, the lower or upper 128 devices in scalable
/// mode.
///
/// VT-d §9.1, §9.2.
@frozen
public struct VTdRootEntry: BitRegister {
  /// All bits.
  public var rawValue: UInt64
  /// Makes an entry from all its bits.
  ///
  /// - Parameter rawValue: All bits.
  @inlinable
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// P, bit 0.
  public var isPresent: Bool { self[0] }
  /// The context table, bits 63:12.
  public var table: GuestPhysicalAddress { GuestPhysicalAddress(rawValue & ~0xFFF) }

  /// Whether a bit is set that has to be zero.
  ///
  /// - Parameter features: What the unit can do.
  /// - Returns: `true` when there is one.
  public func hasReserved(_ features: VTdFeatures) -> Bool {
    rawValue & (0xFFE | features.reservedAddress()) != 0
  }
}
