/// A command as it is written to the CMD register.
struct DSACommand: Hashable, Sendable {
  /// The commands that the model answers.
  enum Code: UInt32, Hashable, Sendable {
    case enableDevice = 1
    case disableDevice = 2
    case drainAll = 3
    case abortAll = 4
    case resetDevice = 5
    case enableQueue = 6
    case disableQueues = 7
    case drainQueues = 8
    case abortQueues = 9
    case resetQueues = 10
    case drainPASID = 11
    case abortPASID = 12
  }

  /// Bits 24:20; any number may arrive.
  let code: Code?
  /// Bits 19:0.
  let operand: UInt32
  /// Bit 31: an interrupt at the end.
  let interrupts: Bool

  init(rawValue: UInt32) {
    code = Code(rawValue: rawValue >> 20 & 0x1F)
    operand = rawValue & 0xF_FFFF
    interrupts = rawValue >> 31 == 1
  }

  /// The queues that a mask operand names: 16 bits, and the number of the block that they are of.
  var queueMask: UInt64 {
    // Four bits of block number: queues above 63 are beyond what any model here has.
    let block = UInt64(operand >> 16)
    return block < 4 ? UInt64(operand & 0xFFFF) << (16 * block) : 0
  }
}

/// How a command ended: CMDSTS, bits 7:0.
struct DSACommandError: RawRepresentable, Hashable, Sendable {
  let rawValue: UInt32
  init(rawValue: UInt32) { self.rawValue = rawValue }

  static let none = Self(rawValue: 0)
  static let invalidCommand = Self(rawValue: 0x01)
  static let invalidQueue = Self(rawValue: 0x02)
  static let hardware = Self(rawValue: 0x03)
  static let deviceEnabled = Self(rawValue: 0x10)
  static let busMaster = Self(rawValue: 0x12)
  static let queueSizes = Self(rawValue: 0x14)
  /// A queue in several groups. Which of four codes stands for which mistake is not public; the
  /// model gives them in the order of its checks.
  static let queueInGroups = Self(rawValue: 0x15)
  /// An engine in several groups.
  static let engineInGroups = Self(rawValue: 0x16)
  /// Queues without an engine, or engines without a queue.
  static let incompleteGroup = Self(rawValue: 0x17)
  /// Queues or engines that are not there.
  static let missingMember = Self(rawValue: 0x18)
  static let deviceNotEnabled = Self(rawValue: 0x20)
  static let queueEnabled = Self(rawValue: 0x21)
  static let queueSize = Self(rawValue: 0x22)
  static let queuePriority = Self(rawValue: 0x23)
  static let queueMode = Self(rawValue: 0x24)
  static let blockOnFault = Self(rawValue: 0x25)
  static let queuePASID = Self(rawValue: 0x26)
  static let batchSize = Self(rawValue: 0x27)
  static let transferSize = Self(rawValue: 0x28)
  static let cannotDisable = Self(rawValue: 0x31)
  static let queueNotEnabled = Self(rawValue: 0x32)
}
