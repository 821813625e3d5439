/// Where Intel's Data Streaming Accelerator, version 1, has its registers, in bytes of BAR 0.
enum EngineRegister {
  static let version: UInt64 = 0x00
  static let generalCapabilities: UInt64 = 0x10
  static let queueCapabilities: UInt64 = 0x20
  static let groupCapabilities: UInt64 = 0x30
  static let engineCapabilities: UInt64 = 0x38
  static let operations: UInt64 = 0x40
  static let tableOffsets: UInt64 = 0x60
  static let state: UInt64 = 0x90
  static let command: UInt64 = 0xA0
  static let commandStatus: UInt64 = 0xA8
  static let softwareError: UInt64 = 0xC0
}

/// Commands of the device, as bits 24 to 20 of the command register name them.
enum EngineCommand: UInt32 {
  case enableDevice = 1
  case resetDevice = 5
  case enableQueue = 6
  case disableQueue = 7
}

/// A work queue's configuration: how it is used, and with which PASID.
struct QueueConfiguration: Hashable {
  /// Whose PASID the requests carry.
  enum Requests: Hashable {
    /// A dedicated queue without a PASID.
    case plain
    /// A dedicated queue with one PASID.
    case pasid(UInt32)
    /// A shared queue: each descriptor names its own.
    case descriptors
  }

  var requests: Requests
  /// Entries of the device's storage that it takes.
  var size: UInt32
  /// Whether descriptors may wait for pages that are missing.
  var mayBlock = false

  /// The first 16 of its bytes as the device has them; the others are zeros.
  ///
  /// The queue gets the device's limits, which the general capabilities tell, unchanged.
  func dwords(_ generalCapabilities: UInt64) -> [UInt32] {
    let priority: UInt32 = 1 << 4 | (mayBlock ? 1 << 1 : 0)
    let mode: UInt32 =
      switch requests {
      case .plain: 1
      case .pasid(let pasid): 1 | pasid << 8 | 1 << 28
      case .descriptors: 1 << 28
      }
    let transferShift = UInt32(generalCapabilities >> 16 & 0x1F)
    let batchShift = UInt32(generalCapabilities >> 21 & 0xF)
    return [
      size, requests == .descriptors ? size : 0, mode | priority,
      transferShift | batchShift << 5,
    ]
  }
}
