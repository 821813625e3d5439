public import HostABI

/// What a VFIO device is (`VFIO_DEVICE_GET_INFO`).
public struct DeviceInformation: Hashable, Sendable {
  /// What it is and can do.
  public let flags: VFIODeviceFlags
  /// How many regions it has.
  public let regionCount: UInt32
  /// How many kinds of interrupts it has.
  public let interruptKinds: UInt32
  /// Further facts.
  public let capabilities: [VFIOCapability]

  /// Whether ``BoundDevice/reset()`` works.
  public var canReset: Bool { flags.contains(.reset) }
}

/// A part of a device's address space, such as a BAR (`VFIO_DEVICE_GET_REGION_INFO`).
public struct DeviceRegion: Hashable, Sendable {
  /// Its number: 0 to 5 are BARs, 6 the ROM, 7 config space.
  public let index: UInt32
  /// What can be done with it.
  public let flags: VFIORegionFlags
  /// The size in bytes; 0 when the device does not have it.
  public let byteCount: UInt64
  /// Where its bytes start in the device's file.
  public let offset: UInt64
  /// Further facts.
  public let capabilities: [VFIOCapability]

  /// A part of a region, in bytes from its start.
  public struct Area: Hashable, Sendable {
    /// The first byte.
    public let offset: UInt64
    /// The size in bytes.
    public let byteCount: UInt64
  }

  /// The parts that can be mapped, when not all of it can; `nil` when the kernel names none.
  public var mappableAreas: [Area]? {
    guard let body = capabilities.first(where: { $0.id == 1 })?.body else { return nil }
    let count = min(Int(body.little(UInt32.self, at: 0)), (body.count - 8) / 16)
    return (0..<max(0, count)).map {
      Area(
        offset: body.little(UInt64.self, at: 8 + 16 * $0),
        byteCount: body.little(UInt64.self, at: 16 + 16 * $0))
    }
  }

  /// What a region of a device's own kind is: type and subtype.
  public var specificType: (type: UInt32, subtype: UInt32)? {
    guard let body = capabilities.first(where: { $0.id == 2 })?.body else { return nil }
    return (body.little(UInt32.self, at: 0), body.little(UInt32.self, at: 4))
  }

  /// Whether the MSI-X table in it can be mapped with the rest.
  public var mapsInterruptTable: Bool { capabilities.contains { $0.id == 3 } }
}

/// A kind of interrupts (`VFIO_DEVICE_GET_IRQ_INFO`).
public struct DeviceInterrupts: Hashable, Sendable {
  /// The kinds of a PCI function.
  public enum Kind: UInt32, CaseIterable, Hashable, Sendable {
    /// The interrupt pin.
    case intx
    /// MSI.
    case msi
    /// MSI-X.
    case msix
    /// Errors of PCIe.
    case error
    /// The host asks for the device back.
    case release
  }

  /// What can be done with them.
  public struct Flags: OptionSet, Hashable, Sendable {
    /// The bits as in the answer.
    public let rawValue: UInt32

    /// Makes a set of the answer's bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Delivered through event counters.
    public static let eventCounter = Self(rawValue: 1)
    /// Can be masked.
    public static let maskable = Self(rawValue: 2)
    /// Masked by itself when it fires.
    public static let autoMasked = Self(rawValue: 4)
    /// All that shall ever be used are switched on at once.
    public static let fixedCount = Self(rawValue: 8)
  }

  /// Which kind.
  public let kind: Kind
  /// What can be done with them.
  public let flags: Flags
  /// How many there are.
  public let count: UInt32
}

/// A fact that stands behind a structure of VFIO (`struct vfio_info_cap_header`).
public struct VFIOCapability: Hashable, Sendable {
  /// What it is about; numbers are the structure's own.
  public let id: UInt16
  /// The version of its contents.
  public let version: UInt16
  /// The bytes behind its header, up to the next one.
  public let body: [UInt8]

  /// Takes a chain apart; it ends where it would leave the bytes or turn back.
  ///
  /// - Parameters:
  ///   - bytes: The structure with everything behind it.
  ///   - first: Where the first header stands; 0 for none.
  /// - Returns: The facts in their order.
  static func chain(_ bytes: [UInt8], from first: UInt32) -> [Self] {
    let header = CapabilityHeader.byteCount
    var result: [Self] = []
    var at = Int(first)
    while at > 0, at + header <= bytes.count {
      let next = Int(bytes.little(UInt32.self, at: at + 4))
      let end = next > at + header && next <= bytes.count ? next : bytes.count
      result.append(
        Self(
          id: bytes.little(UInt16.self, at: at), version: bytes.little(UInt16.self, at: at + 2),
          body: Array(bytes[at + header..<end])))
      guard next > at else { break }
      at = next
    }
    return result
  }
}
