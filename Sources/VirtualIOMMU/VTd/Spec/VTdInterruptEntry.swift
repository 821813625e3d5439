public import Hardware

/// The interrupt remapping table address register, IRTA.
///
/// VT-d §11.4.7.
@frozen
public struct VTdInterruptTableAddress: BitRegister {
  /// All bits.
  public var rawValue: UInt64
  /// Makes a register from all its bits.
  ///
  /// - Parameter rawValue: All bits.
  @inlinable
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The table, bits 63:12.
  public var table: GuestPhysicalAddress { GuestPhysicalAddress(rawValue & ~0xFFF) }
  /// EIME, bit 11: destinations have 32 bits.
  public var isExtended: Bool { self[11] }
  /// How many entries there are by S, bits 3:0: 2 to 65,536.
  public var count: Int { 2 << Int(self[0...3]) }
}

/// An interrupt remapping table entry, 16 bytes.
///
/// VT-d §9.10.
@frozen
public struct VTdInterruptEntry: Hashable, Sendable, BitwiseCopyable {
  /// What is delivered.
  public var low: UInt64
  /// Who may ask for it.
  public var high: UInt64

  /// Makes an entry from its words.
  ///
  /// - Parameters:
  ///   - low: Bits 63:0.
  ///   - high: Bits 127:64.
  public init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// P, bit 0.
  public var isPresent: Bool { low & 1 != 0 }
  /// FPD, bit 1: qualified faults are not recorded.
  public var disablesFaults: Bool { low & 2 != 0 }
  /// DM, bit 2: the destination is a logical one.
  public var isLogical: Bool { low & 4 != 0 }
  /// RH, bit 3: any one of the destinations may take it.
  public var hasRedirectionHint: Bool { low & 8 != 0 }
  /// TM, bit 4: it is level-triggered.
  public var isLevelTriggered: Bool { low & 16 != 0 }
  /// DLM, bits 7:5.
  public var deliveryMode: UInt8 { UInt8(low >> 5 & 7) }
  /// V, bits 23:16.
  public var vector: UInt8 { UInt8(truncatingIfNeeded: low >> 16) }
  /// SID, bits 79:64.
  public var source: UInt16 { UInt16(truncatingIfNeeded: high) }
  /// SQ, bits 81:80.
  public var sourceQualifier: UInt8 { UInt8(high >> 16 & 3) }
  /// SVT, bits 83:82.
  public var sourceValidation: UInt8 { UInt8(high >> 18 & 3) }

  /// DST, bits 63:32; in bits 47:40 without extended destinations.
  ///
  /// - Parameter isExtended: Whether destinations have 32 bits.
  /// - Returns: The destination.
  public func destination(isExtended: Bool) -> UInt32 {
    isExtended ? UInt32(low >> 32) : UInt32(low >> 40 & 0xFF)
  }

  /// Whether a bit is set that has to be zero, or a field has a value that has no meaning.
  ///
  /// Posted interrupts (IM, bit 15) are none that the unit knows.
  ///
  /// - Parameter isExtended: Whether destinations have 32 bits.
  /// - Returns: `true` when there is one.
  public func hasReserved(isExtended: Bool) -> Bool {
    let destination: UInt64 = isExtended ? 0 : 0xFFFF_00FF << 32
    return low & (0xFF00_F000 | destination) != 0 || high >> 20 != 0 || sourceValidation == 3
  }

  /// Whether a requester may ask for it.
  ///
  /// - Parameter requester: The requester's 16 bits.
  /// - Returns: `false` when it may not.
  public func admits(_ requester: UInt16) -> Bool {
    switch sourceValidation {
    case 1:
      // SQ leaves function bits out of the comparison.
      let mask: [UInt16] = [0xFFFF, 0xFFFB, 0xFFF9, 0xFFF8]
      return (requester ^ source) & mask[Int(sourceQualifier)] == 0
    case 2: return (source >> 8) <= requester >> 8 && requester >> 8 <= source & 0xFF
    default: return true
    }
  }
}

/// A message as the requester writes it, in the format that names an entry.
///
/// VT-d §5.1.2.2.
struct VTdInterruptRequest {
  let address: UInt64
  let data: UInt32

  /// Bit 4 of the address.
  var isRemappable: Bool { address & 0x10 != 0 }
  /// SHV: the data is added to the handle.
  var hasSubhandle: Bool { address & 8 != 0 }
  /// The entry's index; up to 17 bits.
  var index: Int {
    let handle = Int(address >> 5 & 0x7FFF) | Int(address >> 2 & 1) << 15
    return handle + (hasSubhandle ? Int(data & 0xFFFF) : 0)
  }
  /// The upper half of the data has to be zero.
  var hasReserved: Bool { data >> 16 != 0 }
}
