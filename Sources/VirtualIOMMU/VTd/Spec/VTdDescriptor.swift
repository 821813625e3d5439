import Hardware

/// What the field IQEI of IQER says about a queue that stopped.
///
/// VT-d revision 4.1, the register IQER.
enum VTdQueueProblem: UInt8, Hashable, Sendable, Error, CaseIterable {
  /// IQT points outside the queue.
  case tail = 1
  /// A descriptor could not be read, or what it asks to be written could not be.
  case fetch = 2
  /// No such type of descriptor.
  case type = 3
  /// A reserved bit is set, or a field has a reserved value.
  case reserved = 4
  /// IQT points into the middle of a descriptor.
  case alignment = 6
}

/// A descriptor of the invalidation queue as it was read, of 16 or 32 bytes.
struct VTdDescriptor: Hashable, Sendable, BitwiseCopyable {
  var word0: UInt64
  var word1: UInt64
  /// The upper half of one with 32 bytes; zero in all types that there are.
  var word2: UInt64 = 0
  var word3: UInt64 = 0

  /// The types (VT-d §6.5.2).
  enum Kind: UInt8, Hashable, Sendable, CaseIterable {
    case contextCache = 1
    case iotlb = 2
    case deviceTLB = 3
    case interruptCache = 4
    case wait = 5
    case pasidIOTLB = 6
    case pasidCache = 7
    case pasidDeviceTLB = 8
    case pageGroupResponse = 9
  }

  /// Bits 11:9 and 3:0.
  var type: UInt8 { UInt8(word0 >> 5 & 0x70 | word0 & 0xF) }

  /// Which bits of a type have to be zero, in its first two words.
  static func reserved(_ kind: Kind) -> (UInt64, UInt64) {
    switch kind {
    case .contextCache: (0xFFFC_0000_0000_FFC0, .max)
    case .iotlb: (0xFFFF_FFFF_0000_FF00, 0xF80)
    case .deviceTLB: (0x000F_0000_FFE0_0FF0, 0xFFE)
    case .interruptCache: (0xFFFF_0000_07FF_FFE0, .max)
    case .wait: (0x0000_0000_FFFF_FF00, 0x3)
    case .pasidIOTLB: (0xFFF0_0000_0000_F1C0, 0xF80)
    case .pasidCache: (0xFFF0_0000_0000_F1C0, .max)
    case .pasidDeviceTLB: (0, 0x7FE)
    case .pageGroupResponse: (0xFFF0_0000_0000_01E0, 0xFFFF_FFFF_FFFF_F003)
    }
  }
}

/// What a descriptor asks for.
enum VTdCommand: Hashable, Sendable, BitwiseCopyable {
  /// Something to forget.
  case forget(VTdCacheInvalidation)
  /// Something that a device is to forget.
  case deviceTLB(FirstStageInvalidation, PASID?, isGlobal: Bool, source: UInt16)
  /// A sign that everything before it is done.
  case wait(VTdWait)
  /// An answer for a device.
  case respond(source: UInt16, pasid: PASID?, group: UInt16, code: UInt8)
}

/// What a wait descriptor asks for.
struct VTdWait: Hashable, Sendable, BitwiseCopyable {
  var writesStatus: Bool
  var interrupts: Bool
  var status: UInt32
  var address: GuestPhysicalAddress
}

extension VTdDescriptor {
  /// What the descriptor asks for.
  ///
  /// - Parameters:
  ///   - kinds: Bit n stands for the type n: what the unit offers.
  ///   - maximumMask: CAP.MAMV.
  /// - Returns: The command.
  /// - Throws: What is wrong with the descriptor.
  @inline(__always)
  func command(_ kinds: UInt16, maximumMask: UInt64) throws(VTdQueueProblem) -> VTdCommand {
    guard let kind = Kind(rawValue: type), kinds >> UInt16(type) & 1 == 1 else { throw .type }
    let reserved = Self.reserved(kind)
    guard word0 & reserved.0 | word1 & reserved.1 | word2 | word3 == 0 else { throw .reserved }
    switch kind {
    case .pasidIOTLB:
      guard let pasid else { throw .reserved }
      switch granularity {
      case 2: return .forget(.pasidPages(.everything, pasid, domain: domain))
      case 3: return .forget(.pasidPages(pages, pasid, domain: domain))
      default: throw .reserved
      }
    case .iotlb:
      switch granularity {
      case 1: return .forget(.allTranslations)
      case 2: return .forget(.translations(domain: domain))
      case 3:
        guard word1 & 0x3F <= maximumMask else { throw .reserved }
        return .forget(.pages(pages, domain: domain))
      default: throw .reserved
      }
    case .contextCache:
      switch granularity {
      case 1: return .forget(.allContexts)
      case 2: return .forget(.contexts(domain: domain))
      case 3:
        return .forget(
          .context(
            source: UInt16(truncatingIfNeeded: word0 >> 32),
            mask: Self.functions(word0 >> 48 & 3), domain: domain))
      default: throw .reserved
      }
    case .pasidCache:
      guard let pasid else { throw .reserved }
      switch granularity {
      case 0: return .forget(.pasids(domain: domain))
      case 1: return .forget(.pasid(pasid, domain: domain))
      case 3: return .forget(.allPASIDs)
      default: throw .reserved
      }
    case .interruptCache:
      if word0 >> 4 & 1 == 0 { return .forget(.allInterrupts) }
      return .forget(
        .interrupts(
          index: UInt16(truncatingIfNeeded: word0 >> 32), maskBits: UInt8(word0 >> 27 & 0x1F)))
    case .deviceTLB:
      return .deviceTLB(
        devicePages(isSized: word1 & 1 == 1), nil, isGlobal: false,
        source: UInt16(truncatingIfNeeded: word0 >> 32))
    case .pasidDeviceTLB:
      return .deviceTLB(
        devicePages(isSized: word1 >> 11 & 1 == 1), pasid, isGlobal: word1 & 1 == 1,
        source: domain)
    case .wait:
      return .wait(
        VTdWait(
          writesStatus: word0 >> 5 & 1 == 1, interrupts: word0 >> 4 & 1 == 1,
          status: UInt32(truncatingIfNeeded: word0 >> 32),
          address: GuestPhysicalAddress(word1 & ~3)))
    case .pageGroupResponse:
      return .respond(
        source: domain, pasid: word0 >> 4 & 1 == 1 ? pasid : nil, group: UInt16(word1 >> 3 & 0x1FF),
        code: UInt8(word0 >> 12 & 0xF))
    }
  }

  /// G, bits 5:4.
  private var granularity: UInt64 { word0 >> 4 & 3 }

  /// DID, bits 31:16; where a source is instead, the source.
  private var domain: UInt16 { UInt16(truncatingIfNeeded: word0 >> 16) }

  /// Bits 51:32; always a PASID, having 20 bits.
  private var pasid: PASID? { PASID(rawValue: UInt32(word0 >> 32 & 0xF_FFFF)) }

  /// AM, IH and the address.
  private var pages: FirstStageInvalidation { Self.pages(word1) }

  /// The pages that a word with AM, IH and an address names.
  ///
  /// Also the form of the register IVA.
  static func pages(_ word: UInt64) -> FirstStageInvalidation {
    let mask = word & 0x3F
    // That many pages are all there are.
    guard mask < 52 else { return .everything }
    return FirstStageInvalidation(
      address: word & (.max << (mask &+ 12)), pageCount: 1 << mask, isLeafOnly: word & 0x40 != 0)
  }

  /// The range of a device TLB invalidation: the lowest zero bit from bit 12 up gives its size.
  private func devicePages(isSized: Bool) -> FirstStageInvalidation {
    guard isSized else {
      return FirstStageInvalidation(address: word1 & ~0xFFF, pageCount: 1, isLeafOnly: false)
    }
    let ones = UInt64((~(word1 >> 12)).trailingZeroBitCount)
    // All of the address, or all but its highest bit: everything.
    guard ones < 51 else { return .everything }
    return FirstStageInvalidation(
      address: word1 & (.max << (ones &+ 13)), pageCount: 2 << ones, isLeafOnly: false)
  }

  /// The function bits that FM leaves open.
  static func functions(_ mask: UInt64) -> UInt16 {
    switch mask {
    case 0: 0
    case 1: 4
    case 2: 6
    default: 7
    }
  }
}
