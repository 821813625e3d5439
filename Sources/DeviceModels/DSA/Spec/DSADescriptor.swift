import Hardware

/// A descriptor: 64 bytes that a program hands to a work queue.
struct DSADescriptor: Hashable, Sendable {
  var block: WideBlock

  init(_ block: WideBlock = WideBlock()) { self.block = block }

  private func word(_ index: Int) -> UInt64 { block.words[index] }

  /// PASID and privilege, bits 19:0 and 31; the bits between are reserved.
  var identity: UInt32 { UInt32(truncatingIfNeeded: word(0)) }
  var pasid: PASID? { PASID(rawValue: identity & 0xF_FFFF) }
  var isPrivileged: Bool { identity >> 31 == 1 }
  var flags: DSAFlags { DSAFlags(rawValue: UInt32(word(0) >> 32) & 0xFF_FFFF) }
  var opcode: UInt8 { UInt8(word(0) >> 56) }
  var completionAddress: IOVA { IOVA(word(1)) }
  /// The source, the first source, the delta record of Apply Delta, or the list of a batch.
  var source: IOVA { IOVA(word(2)) }
  /// The destination, or the second source.
  var target: IOVA { IOVA(word(3)) }
  /// The pattern of Fill.
  var fillPattern: UInt64 { word(2) }
  /// The pattern of Compare Pattern.
  var comparePattern: UInt64 { word(3) }
  /// The bytes of a transfer, or the descriptors of a batch.
  var count: UInt32 { UInt32(truncatingIfNeeded: word(4)) }
  var interruptHandle: UInt16 { UInt16(truncatingIfNeeded: word(4) >> 32) }
  /// Bytes 38 and 39.
  var reservedHalf: UInt16 { UInt16(truncatingIfNeeded: word(4) >> 48) }
  /// The expected result of a comparison.
  var expectedResult: UInt8 { UInt8(truncatingIfNeeded: word(5)) }
  /// The second destination of Dualcast, or where Create Delta writes.
  var secondTarget: IOVA { IOVA(word(5)) }
  /// The size that a delta record may have, or has.
  var maxDeltaSize: UInt32 { UInt32(truncatingIfNeeded: word(6)) }
  var deltaSize: UInt32 { UInt32(truncatingIfNeeded: word(5)) }
  /// Which results of Create Delta are expected: one bit a result.
  var expectedResultMask: UInt8 { UInt8(truncatingIfNeeded: word(7)) }
  var checksumSeed: UInt32 { UInt32(truncatingIfNeeded: word(5)) }
  var checksumSeedAddress: IOVA { IOVA(word(6)) }

  /// Names another identity; a batch's descriptors have that of the batch.
  mutating func setIdentity(_ identity: UInt32) {
    block.words[0] = block.words[0] & ~0xFFFF_FFFF | UInt64(identity)
  }

  /// One of the operation's own words, 5 to 7.
  func operationWord(_ index: Int) -> UInt64 { word(index) }
}

/// The flags of a descriptor, 24 bits.
struct DSAFlags: OptionSet, Hashable, Sendable {
  let rawValue: UInt32

  static let fence = Self(rawValue: 1)
  static let blockOnFault = Self(rawValue: 1 << 1)
  static let recordAddressValid = Self(rawValue: 1 << 2)
  static let requestRecord = Self(rawValue: 1 << 3)
  static let requestInterrupt = Self(rawValue: 1 << 4)
  static let checkResult = Self(rawValue: 1 << 7)
  static let cacheControl = Self(rawValue: 1 << 8)
  static let destinationReadback = Self(rawValue: 1 << 14)
  static let readsFirst = Self(rawValue: 1 << 16)
  static let readsSecond = Self(rawValue: 1 << 17)

  /// Flags that every operation takes: fence, the record's and the interrupt's, steering tag and
  /// traffic class of the record.
  static let common = Self(rawValue: 0x103D)
  /// Traffic classes of the operands.
  static let trafficClasses = Self(rawValue: 0x0E00)
  /// What goes with writing: cache control, strict order, readback, steering tag.
  static let writing = Self(rawValue: 0xE100)
}
