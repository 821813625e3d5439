import Hardware

/// Whose translation a cache entry is: a tag and, where the unit tells them apart, a PASID or ASID.
///
/// One word: the tag in bits 63:32, the kind in bits 31:30, the number in bits 19:0. No key is zero.
struct CacheKey: Hashable, Sendable, BitwiseCopyable {
  enum Kind: UInt64 {
    case plain = 1
    case pasid = 2
    case asid = 3
  }

  let word: UInt64
  /// What is mixed into the choice of a set.
  ///
  /// ASIDs take part, so that processes with the same addresses do not share sets; PASIDs do not,
  /// since a table is invalidated for all of them. A guest's VT-d domain holds tables of many PASIDs,
  /// which therefore stand here as ASIDs do.
  let seed: UInt64
  /// Where the generations of the tag and of the whole key stand.
  let tagSlot: Int
  let keySlot: Int

  init(tag: UInt32, _ kind: Kind = .plain, _ number: UInt32 = 0) {
    word = UInt64(tag) << 32 | kind.rawValue << 30 | UInt64(number & 0xF_FFFF)
    seed = Self.mix(kind == .asid ? word : UInt64(tag))
    tagSlot = Self.slot(ofTag: tag)
    keySlot = Int(truncatingIfNeeded: Self.mix(word) >> 52)
  }

  static let tagSlots = 1024
  static let keySlots = 4096

  static func slot(ofTag tag: UInt32) -> Int { Int(truncatingIfNeeded: mix(UInt64(tag)) >> 54) }

  @inline(__always)
  static func mix(_ value: UInt64) -> UInt64 {
    let product = (value &+ 0x9E37_79B9_7F4A_7C15) &* 0xBF58_476D_1CE4_E5B9
    return (product ^ product >> 29) &* 0x94D0_49BB_1331_11EB
  }
}
