/// A message's command, as its header carries it (`enum vfio_user_command`).
///
/// Any number may arrive, so this is an open value.
public struct UserCommand: RawRepresentable, Hashable, Sendable {
  /// The number in the header.
  public let rawValue: UInt16

  /// Makes a command of its number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  private init(_ rawValue: UInt16) { self.rawValue = rawValue }

  /// Agrees on a version; the first message.
  public static let version = Self(1)
  /// The client has memory that the device may use.
  public static let mapDMA = Self(2)
  /// The client takes memory away.
  public static let unmapDMA = Self(3)
  /// What the device has.
  public static let deviceInfo = Self(4)
  /// What a region is.
  public static let regionInfo = Self(5)
  /// Descriptors that stand for accesses of a region.
  public static let regionIOFiles = Self(6)
  /// What a kind of interrupt is.
  public static let interruptInfo = Self(7)
  /// Where interrupts go.
  public static let setInterrupts = Self(8)
  /// Reads a region.
  public static let regionRead = Self(9)
  /// Writes a region.
  public static let regionWrite = Self(10)
  /// Reads the client's memory; from the server.
  public static let readDMA = Self(11)
  /// Writes the client's memory; from the server.
  public static let writeDMA = Self(12)
  /// Resets the device.
  public static let reset = Self(13)
  /// Which pages were written, as early versions asked.
  public static let dirtyPages = Self(14)
  /// Several writes of regions.
  public static let regionWriteMany = Self(15)
  /// Features: migration and dirty tracking.
  public static let feature = Self(16)
  /// Reads the device's state.
  public static let readMigrationData = Self(17)
  /// Writes the device's state.
  public static let writeMigrationData = Self(18)
}

extension UserCommand: CustomStringConvertible {
  private static let names = [
    "VERSION", "DMA_MAP", "DMA_UNMAP", "DEVICE_GET_INFO", "DEVICE_GET_REGION_INFO",
    "DEVICE_GET_REGION_IO_FDS", "DEVICE_GET_IRQ_INFO", "DEVICE_SET_IRQS", "REGION_READ",
    "REGION_WRITE", "DMA_READ", "DMA_WRITE", "DEVICE_RESET", "DIRTY_PAGES", "REGION_WRITE_MULTI",
    "DEVICE_FEATURE", "MIG_DATA_READ", "MIG_DATA_WRITE",
  ]

  /// The specification's name, or the number.
  public var description: String {
    (1...Self.names.count).contains(Int(rawValue))
      ? Self.names[Int(rawValue) - 1] : "command \(rawValue)"
  }
}
