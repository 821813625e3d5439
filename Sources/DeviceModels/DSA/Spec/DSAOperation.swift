/// The operations of the model, by their opcodes.
enum DSAOperation: UInt8, CaseIterable, Hashable, Sendable {
  case noOperation = 0x00
  case batch = 0x01
  case drain = 0x02
  case memoryMove = 0x03
  case fill = 0x04
  case compare = 0x05
  case comparePattern = 0x06
  case createDelta = 0x07
  case applyDelta = 0x08
  case dualcast = 0x09
  case checksum = 0x10
  case copyWithChecksum = 0x11
  case cacheFlush = 0x20

  /// The flags that it takes; others are answered by "invalid flags".
  var allowedFlags: DSAFlags {
    switch self {
    case .noOperation: .common
    case .batch: [.common, .trafficClasses]
    case .drain: [.common, .readsFirst, .readsSecond]
    case .memoryMove, .fill, .dualcast, .applyDelta:
      [.common, .blockOnFault, .trafficClasses, .writing]
    case .compare, .comparePattern:
      [.common, .blockOnFault, .trafficClasses, .checkResult]
    case .createDelta:
      [.common, .blockOnFault, .trafficClasses, .writing, .checkResult]
    case .checksum: [.common, .blockOnFault, .trafficClasses, .readsFirst]
    case .copyWithChecksum:
      [.common, .blockOnFault, .trafficClasses, .writing, .readsFirst]
    case .cacheFlush: [.common, .blockOnFault, .trafficClasses, .cacheControl]
    }
  }

  /// Whether the size field counts bytes, so that it must not be zero.
  var movesBytes: Bool {
    switch self {
    case .noOperation, .batch, .drain: false
    default: true
    }
  }

  /// Which of the words 2 to 7 are reserved and must be zero, one bit a word.
  var reservedWords: UInt8 {
    switch self {
    case .noOperation, .drain: 0b1110_0000
    case .batch: 0b1110_1000
    case .memoryMove, .fill: 0b1110_0000
    case .compare, .comparePattern, .applyDelta, .dualcast: 0b1100_0000
    case .createDelta: 0
    case .checksum: 0b1000_1000
    case .copyWithChecksum: 0b1000_0000
    case .cacheFlush: 0b1110_0100
    }
  }

  /// The bits of OPCAP, of the low 64 opcodes.
  static func capability(_ options: DSAOptions) -> UInt64 {
    allCases.reduce(0) { bits, operation in
      operation == .batch && options.maxBatchShift == 0
        ? bits : bits | 1 << UInt64(operation.rawValue)
    }
  }
}
