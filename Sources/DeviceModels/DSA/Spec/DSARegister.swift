/// Offsets of the register region, BAR 0 (DSA architecture specification, chapter 9).
enum DSARegister {
  static let version = 0x00
  static let generalCapability = 0x10
  static let queueCapability = 0x20
  static let groupCapability = 0x30
  static let engineCapability = 0x38
  static let operationCapability = 0x40
  static let tableOffsets = 0x60
  static let generalConfiguration = 0x80
  static let generalControl = 0x88
  static let generalStatus = 0x90
  static let interruptCause = 0x98
  static let command = 0xA0
  static let commandStatus = 0xA8
  static let softwareError = 0xC0

  /// MSI-X permissions, 8 bytes a vector.
  static let vectorPermissions = 0x200
  /// Group configurations, 64 bytes a group.
  static let groups = 0x300
  /// The number of groups.
  static let groupCount = 4
  /// Work queue configurations, 32 bytes a queue.
  static let queues = 0x400
  /// MSI-X table, 16 bytes a vector.
  static let vectorTable = 0x2000
  /// The number of MSI-X vectors: one for the device, and eight for descriptors.
  static let vectorCount = 9

  /// The sizes of the two regions.
  static let registersByteCount: UInt64 = 0x1_0000
  /// Each work queue has four pages of portals.
  static let portalsPerQueue: UInt64 = 0x4000
}

/// Causes of an interrupt of vector 0: INTCAUSE.
struct DSAInterruptCause: OptionSet, Hashable, Sendable {
  let rawValue: UInt32
  static let error = Self(rawValue: 1)
  static let command = Self(rawValue: 2)
  static let halt = Self(rawValue: 1 << 4)
  static let all: Self = [.error, .command, .halt]
}

/// What the device as a whole does: GENSTS.
enum DSADeviceState: UInt32, Hashable, Sendable {
  case disabled = 0
  case enabled = 1
  case draining = 2
  case halted = 3
}
