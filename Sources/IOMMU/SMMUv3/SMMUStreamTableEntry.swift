/// The two words of a stream table entry that a guest decides about, as iommufd takes them.
///
/// SMMUv3 §5.2. The corresponding C structure is `struct iommu_hwpt_arm_smmuv3`.
@frozen
public struct SMMUStreamTableEntry: Hashable, Sendable, BitwiseCopyable {
  /// V, Config, S1Fmt, S1ContextPtr, S1CDMax.
  public let word0: UInt64
  /// S1DSS, memory attributes, S1STALLD, EATS.
  public let word1: UInt64

  /// Makes an entry from its words.
  ///
  /// - Parameters:
  ///   - word0: V, Config, S1Fmt, S1ContextPtr, S1CDMax.
  ///   - word1: S1DSS, memory attributes, S1STALLD, EATS.
  @inlinable
  public init(word0: UInt64, word1: UInt64) {
    self.word0 = word0
    self.word1 = word1
  }

  /// V.
  @inlinable
  public var isValid: Bool { word0 & 1 != 0 }
  /// Config: 0 abort, 4 bypass, 5 stage 1.
  @inlinable
  public var configuration: UInt8 { UInt8(truncatingIfNeeded: word0 >> 1 & 7) }
  /// S1Fmt: 0 linear, 1 two levels with leaves of 4 KiB, 2 of 64 KiB.
  @inlinable
  public var tableFormat: UInt8 { UInt8(truncatingIfNeeded: word0 >> 4 & 3) }
  /// S1ContextPtr, as an address.
  @inlinable
  public var contextPointer: UInt64 { word0 & 0x000F_FFFF_FFFF_FFC0 }
  /// S1CDMax: how many bits of substream IDs are used.
  @inlinable
  public var substreamBits: UInt64 { word0 >> 59 }
  /// S1DSS: what becomes of requests without substream ID.
  @inlinable
  public var defaultSubstream: UInt8 { UInt8(truncatingIfNeeded: word1 & 3) }
  /// S1STALLD: context descriptors must not ask for stalls.
  @inlinable
  public var forbidsStalls: Bool { word1 >> 27 & 1 != 0 }
  /// EATS: 0 no ATS, 1 full ATS.
  @inlinable
  public var addressTranslationServices: UInt8 { UInt8(truncatingIfNeeded: word1 >> 28 & 3) }
}
