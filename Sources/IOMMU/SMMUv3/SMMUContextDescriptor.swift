import Hardware

/// The words of a context descriptor that a translation needs.
///
/// SMMUv3 §5.4.
struct SMMUContextDescriptor: Hashable, Sendable, BitwiseCopyable {
  let word0: UInt64
  let word1: UInt64
  let word2: UInt64

  private func bit(_ number: UInt64) -> Bool { word0 >> number & 1 != 0 }

  var isValid: Bool { bit(31) }
  var isBigEndian: Bool { bit(15) }
  var isAArch64: Bool { bit(41) }
  var disablesAccessFault: Bool { bit(35) }
  var hasDirtyUpdates: Bool { bit(42) }
  var hasAccessUpdates: Bool { bit(43) }
  var stalls: Bool { bit(44) }
  var recordsFaults: Bool { bit(45) }
  var aborts: Bool { bit(46) }
  var asid: UInt16 { UInt16(truncatingIfNeeded: word0 >> 48) }

  var handling: TranslationFault.Handling {
    var handling: TranslationFault.Handling = []
    if recordsFaults || stalls { handling.insert(.isRecorded) }
    if stalls { handling.insert(.stalls) }
    if aborts { handling.insert(.aborts) }
    return handling
  }

  /// IPS as a number of bits; a reserved value asks for all there is.
  var outputBits: Int {
    switch word0 >> 32 & 7 {
    case 0: 32
    case 1: 36
    case 2: 40
    case 3: 42
    case 4: 44
    case 5: 48
    default: 52
    }
  }

  /// One of the two halves of the address space.
  struct Region: BitwiseCopyable {
    /// EPD: walks are off.
    let isDisabled: Bool
    /// TxSZ.
    let sizeOffset: UInt64
    /// The page size as a power of two; 0 for a reserved TG.
    let pageShift: UInt64
    /// TBI: bits 63:56 of the input do not count.
    let ignoresTopByte: Bool
    /// TTB.
    let table: UInt64
    /// HAD: table entries hand nothing down.
    let isFlat: Bool
  }

  var lower: Region {
    let shift: UInt64 =
      switch word0 >> 6 & 3 {
      case 0: 12
      case 1: 16
      case 2: 14
      default: 0
      }
    return Region(
      isDisabled: bit(14), sizeOffset: word0 & 0x3F, pageShift: shift, ignoresTopByte: bit(38),
      table: word1 & 0x000F_FFFF_FFFF_FFF0, isFlat: word1 & 2 != 0)
  }

  var upper: Region {
    let shift: UInt64 =
      switch word0 >> 22 & 3 {
      case 1: 14
      case 2: 12
      case 3: 16
      default: 0
      }
    return Region(
      isDisabled: bit(30), sizeOffset: word0 >> 16 & 0x3F, pageShift: shift,
      ignoresTopByte: bit(39), table: word2 & 0x000F_FFFF_FFFF_FFF0, isFlat: word2 & 2 != 0)
  }

  /// Whether a unit may use it; otherwise the event is `C_BAD_CD`.
  func isSound(_ features: SMMUFeatures, forbidsStalls: Bool) -> Bool {
    guard isValid, isAArch64, !isBigEndian else { return false }
    guard aborts || !features.alwaysAborts else { return false }
    switch features.stallModel {
    case .stallOrTerminate: if stalls && forbidsStalls { return false }
    case .terminateOnly: if stalls { return false }
    case .stallOnly: if !stalls { return false }
    }
    let bits = UInt64(min(outputBits, features.outputBits))
    return [lower, upper].allSatisfy { region in
      guard !region.isDisabled else { return true }
      let granule: SMMUFeatures.Granules =
        switch region.pageShift {
        case 12: .size4K
        case 14: .size16K
        case 16: .size64K
        default: []
        }
      return !granule.isEmpty && features.granules.isSuperset(of: granule)
        && (16...39).contains(region.sizeOffset) && region.table >> bits == 0
    }
  }
}
