/// Numbers of VFIO's PCI regions and interrupts, and where a region's bytes stand in the file.
public enum VFIOPCI {
  /// Config space's region.
  public static let configRegion: UInt32 = 7
  /// Option ROM's region.
  public static let romRegion: UInt32 = 6
  /// Legacy VGA's region.
  public static let vgaRegion: UInt32 = 8
  /// Regions of every PCI function.
  public static let regionCount: UInt32 = 9
  /// Interrupt kinds of every PCI function: INTx, MSI, MSI-X, error, request.
  public static let irqCount: UInt32 = 5
  /// A region's first byte stands at its index shifted left by this.
  public static let offsetShift: UInt64 = 40
}

/// Flags of `VFIO_DEVICE_GET_INFO`.
public struct VFIODeviceFlags: OptionSet, Hashable, Sendable {
  /// The bits as in the answer.
  public let rawValue: UInt32

  /// Makes a set of the answer's bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Reset works.
  public static let reset = Self(rawValue: 1)
  /// A PCI function.
  public static let pci = Self(rawValue: 2)
  /// Capabilities follow.
  public static let capabilities = Self(rawValue: 0x80)
}

/// Flags of `VFIO_DEVICE_GET_REGION_INFO`.
public struct VFIORegionFlags: OptionSet, Hashable, Sendable {
  /// The bits as in the answer.
  public let rawValue: UInt32

  /// Makes a set of the answer's bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Can be read.
  public static let read = Self(rawValue: 1)
  /// Can be written.
  public static let write = Self(rawValue: 2)
  /// Can be mapped.
  public static let mmap = Self(rawValue: 4)
  /// Capabilities follow.
  public static let capabilities = Self(rawValue: 8)
}

/// Flags of `VFIO_DEVICE_SET_IRQS`.
public struct VFIOSetIRQsFlags: OptionSet, Hashable, Sendable {
  /// The bits as in the request.
  public let rawValue: UInt32

  /// Makes a set of the request's bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// No data.
  public static let dataNone = Self(rawValue: 1)
  /// One byte an interrupt.
  public static let dataBool = Self(rawValue: 2)
  /// One eventfd an interrupt.
  public static let dataEventFD = Self(rawValue: 4)
  /// Masks.
  public static let mask = Self(rawValue: 8)
  /// Unmasks.
  public static let unmask = Self(rawValue: 0x10)
  /// Enables, or fires.
  public static let trigger = Self(rawValue: 0x20)
}
