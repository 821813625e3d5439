import Hardware

/// A work queue's configuration, WQCFG: eight dwords.
struct DSAQueueConfiguration: Hashable, Sendable {
  var words: SIMD8<UInt32> = .zero

  /// The bits that software can write, dword by dword.
  static let writable = SIMD8<UInt32>(
    0xFFFF, 0xFFFF, 0x3FFF_FFFF, 0x1FF, 0x1_FFFF, 0x1_FFFF, 0, 0)

  var size: Int { Int(words[0] & 0xFFFF) }
  var threshold: Int { Int(words[1] & 0xFFFF) }
  var isDedicated: Bool { words[2] & 1 == 1 }
  var allowsBlocking: Bool { words[2] >> 1 & 1 == 1 }
  var disablesATS: Bool { words[2] >> 2 & 1 == 1 }
  var disablesPageRequests: Bool { words[2] >> 3 & 1 == 1 }
  var priority: Int { Int(words[2] >> 4 & 0xF) }
  var pasid: PASID? { PASID(rawValue: words[2] >> 8 & 0xF_FFFF) }
  var hasPASID: Bool { words[2] >> 28 & 1 == 1 }
  var isPrivileged: Bool { words[2] >> 29 & 1 == 1 }
  var maxTransferShift: Int { Int(words[3] & 0x1F) }
  var maxBatchShift: Int { Int(words[3] >> 5 & 0xF) }
}
