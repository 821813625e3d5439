import Hardware

/// The PASID capability that a guest is shown: what it says, and the eight bytes that say it.
///
/// PCI Express Base Specification 7.8.9, `PCI_EXT_CAP_ID_PASID`.
public struct PASIDCapability: Hashable, Sendable {
  /// Length of the capability in bytes, header included.
  public static let length = 8

  /// Widths that a PASID can have, in bits.
  public static let widths = 0...20

  /// Max PASID Width, in bits: PASIDs below `1 << width` may be used.
  public let width: Int
  /// Whether requests may ask for execute permission (capability bit 1).
  public let execute: Bool
  /// Whether requests may ask for privileged mode (capability bit 2).
  public let privileged: Bool

  /// Makes a capability; a width outside ``widths`` is a bug of ours and traps.
  ///
  /// - Parameters:
  ///   - width: Max PASID Width, in bits.
  ///   - execute: Whether execute permission is supported.
  ///   - privileged: Whether privileged mode is supported.
  public init(width: Int = 20, execute: Bool = false, privileged: Bool = false) {
    precondition(Self.widths.contains(width), "a PASID has at most 20 bits")
    self.width = width
    self.execute = execute
    self.privileged = privileged
  }

  /// Reads what a device's PASID Capability register says.
  ///
  /// - Parameter register: The 16 bits at offset 4; a width that no PASID has counts as the widest.
  public init(register: UInt16) {
    self.init(
      width: min(Int(register >> 8 & 0x1F), Self.widths.upperBound),
      execute: register >> 1 & 1 == 1, privileged: register >> 2 & 1 == 1)
  }

  /// Whether this promises nothing that another capability does not have.
  ///
  /// - Parameter other: What there is.
  /// - Returns: `false` when this is wider or grants more.
  public func isWithin(_ other: PASIDCapability) -> Bool {
    width <= other.width && (!execute || other.execute) && (!privileged || other.privileged)
  }

  /// The PASID Capability register, 16 bits at offset 4.
  public var register: UInt16 {
    UInt16(width) << 8 | (privileged ? 1 << 2 : 0) | (execute ? 1 << 1 : 0)
  }

  /// The bits of the PASID Control register, at offset 6, that a guest can set.
  ///
  /// Enable always; execute and privileged enable are hardwired to zero without their support.
  public var controlBits: UInt16 { Self.controlBits(of: register) }

  /// The bits that a guest can set with a given PASID Capability register.
  static func controlBits(of register: UInt16) -> UInt16 { enable | register & 0b110 }

  /// PASID Enable, control bit 0.
  public static let enable: UInt16 = 1

  /// The capability as new, disabled: header with no successor, capability and control register.
  public var extendedCapability: NewExtendedCapability {
    NewExtendedCapability(id: Capability.pasidID, version: 1, body: [UInt32(register)])
  }
}
