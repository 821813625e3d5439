/// How a descriptor ended: the status code of a completion record, bits 6:0.
struct DSAStatus: RawRepresentable, Hashable, Sendable {
  let rawValue: UInt8
  init(rawValue: UInt8) { self.rawValue = rawValue }

  static let success = Self(rawValue: 0x01)
  static let unexpectedResult = Self(rawValue: 0x02)
  static let pageFault = Self(rawValue: 0x03)
  static let pageRefused = Self(rawValue: 0x04)
  static let batchFailed = Self(rawValue: 0x05)
  static let batchListFault = Self(rawValue: 0x06)
  static let deltaOrder = Self(rawValue: 0x07)
  static let deltaRange = Self(rawValue: 0x08)
  static let unsupportedOperation = Self(rawValue: 0x10)
  static let invalidFlags = Self(rawValue: 0x11)
  static let reservedField = Self(rawValue: 0x12)
  static let transferSize = Self(rawValue: 0x13)
  static let descriptorCount = Self(rawValue: 0x14)
  static let deltaSize = Self(rawValue: 0x15)
  static let overlap = Self(rawValue: 0x16)
  static let dualcastAddresses = Self(rawValue: 0x17)
  static let listMisaligned = Self(rawValue: 0x18)
  static let interruptHandle = Self(rawValue: 0x19)
  static let recordUntranslated = Self(rawValue: 0x1A)
  static let recordMisaligned = Self(rawValue: 0x1B)
  static let addressMisaligned = Self(rawValue: 0x1C)
  static let privilege = Self(rawValue: 0x1D)
  static let readbackFault = Self(rawValue: 0x1F)
  static let translationFailed = Self(rawValue: 0x22)
  /// Bus mastering went off while the device was enabled; in SWERR alone.
  static let busMasterLost = Self(rawValue: 0x51)
  /// A command was written while another one was active; in SWERR alone.
  static let commandActive = Self(rawValue: 0x52)

  /// Bit 7 of a completion record's first byte: the access that faulted was a write.
  static let writeFault: UInt8 = 0x80
}
