/// Where the registers of a VT-d unit are in its page (VT-d §11.4).
public enum VTdRegister {
  /// VER.
  public static let version = 0x00
  /// CAP.
  public static let capability = 0x08
  /// ECAP.
  public static let extendedCapability = 0x10
  /// GCMD: global command.
  public static let command = 0x18
  /// GSTS: global status.
  public static let status = 0x1C
  /// RTADDR: root table address.
  public static let rootTable = 0x20
  /// CCMD: context command.
  public static let contextCommand = 0x28
  /// FSTS: fault status.
  public static let faultStatus = 0x34
  /// FECTL: fault event control; data and address follow.
  public static let faultEvent = 0x38
  /// IQH: invalidation queue head.
  public static let queueHead = 0x80
  /// IQT: invalidation queue tail.
  public static let queueTail = 0x88
  /// IQA: invalidation queue address.
  public static let queueAddress = 0x90
  /// ICS: invalidation completion status.
  public static let completionStatus = 0x9C
  /// IECTL: invalidation event control; data and address follow.
  public static let completionEvent = 0xA0
  /// IQER: invalidation queue error record.
  public static let queueError = 0xB0
  /// IRTA: interrupt remapping table address.
  public static let interruptTable = 0xB8
  /// PQH: page request queue head.
  public static let requestHead = 0xC0
  /// PQT: page request queue tail.
  public static let requestTail = 0xC8
  /// PQA: page request queue address.
  public static let requestAddress = 0xD0
  /// PRS: page request status.
  public static let requestStatus = 0xDC
  /// PECTL: page request event control; data and address follow.
  public static let requestEvent = 0xE0
  /// IVA: where ECAP.IRO points.
  public static let invalidateAddress = 0xF0
  /// The IOTLB register, behind IVA.
  public static let invalidate = 0xF8
  /// The fault recording registers, of 16 bytes each: where CAP.FRO points.
  public static let faultRecords = 0x220
  /// How many bytes of registers there are.
  public static let byteCount = 0x1000
}

/// What reads and writes do to one register, before anything that the unit does by itself.
struct VTdRegisterRow: Hashable, Sendable {
  /// Where it is.
  let offset: Int
  /// How many bytes it has: 4 or 8.
  let size: Int
  /// Its name in the specification.
  let name: String
  /// What it holds after a reset.
  let reset: UInt64
  /// Which bits a write replaces.
  let writable: UInt64
  /// Which bits a write of ones clears.
  let clearable: UInt64
  /// Which bits the unit sets by itself, besides those that a guest can write or clear.
  let ownBits: UInt64
  /// Whether reads answer what it holds; zero otherwise.
  let isReadable: Bool

  init(
    _ offset: Int, _ size: Int, _ name: String, reset: UInt64 = 0, writable: UInt64 = 0,
    clearable: UInt64 = 0, ownBits: UInt64 = 0, isReadable: Bool = true
  ) {
    self.offset = offset
    self.size = size
    self.name = name
    self.reset = reset
    self.writable = writable
    self.clearable = clearable
    self.ownBits = ownBits
    self.isReadable = isReadable
  }
}

extension VTdRegisterRow {
  /// The registers of a unit, in the order of the specification.
  ///
  /// - Parameter configuration: What the unit offers.
  /// - Returns: One row a register; what no row covers reads zero and ignores writes.
  static func all(of configuration: VTdConfiguration) -> [Self] {
    let features = configuration.features
    let isScalable = features.contains(.scalableMode)
    var rows = [
      Self(VTdRegister.version, 4, "VER", reset: 0x10),
      Self(VTdRegister.capability, 8, "CAP", reset: configuration.capability.rawValue),
      Self(
        VTdRegister.extendedCapability, 8, "ECAP",
        reset: configuration.extendedCapability.rawValue),
      Self(VTdRegister.command, 4, "GCMD", writable: 0xFF80_0000, isReadable: false),
      Self(VTdRegister.status, 4, "GSTS", ownBits: 0xC780_0000),
      Self(
        VTdRegister.rootTable, 8, "RTADDR",
        writable: isScalable ? 0xFFFF_FFFF_FFFF_FC00 : 0xFFFF_FFFF_FFFF_F000),
      Self(
        VTdRegister.contextCommand, 8, "CCMD", writable: 0xE000_0003_FFFF_FFFF,
        ownBits: 3 << 59),
      Self(VTdRegister.faultStatus, 4, "FSTS", clearable: 0xF1, ownBits: 0xFF02),
    ]
    rows += event("FE", at: VTdRegister.faultEvent)
    rows += [
      Self(VTdRegister.queueHead, 8, "IQH", ownBits: 0x7FFF0),
      Self(VTdRegister.queueTail, 8, "IQT", writable: 0x7FFF0),
      Self(
        VTdRegister.queueAddress, 8, "IQA",
        writable: isScalable ? 0xFFFF_FFFF_FFFF_F807 : 0xFFFF_FFFF_FFFF_F007),
      Self(VTdRegister.completionStatus, 4, "ICS", clearable: 1),
    ]
    rows += event("IE", at: VTdRegister.completionEvent)
    rows.append(Self(VTdRegister.queueError, 8, "IQER", ownBits: 0xFFFF_FFFF_0000_000F))
    if features.contains(.interruptRemapping) {
      rows.append(
        Self(
          VTdRegister.interruptTable, 8, "IRTA",
          writable: features.contains(.extendedInterrupts)
            ? 0xFFFF_FFFF_FFFF_F80F : 0xFFFF_FFFF_FFFF_F00F))
    }
    if features.contains(.pageRequests) {
      rows += [
        Self(VTdRegister.requestHead, 8, "PQH", writable: 0x7FFE0),
        Self(VTdRegister.requestTail, 8, "PQT", writable: 0x7FFE0),
        Self(VTdRegister.requestAddress, 8, "PQA", writable: 0xFFFF_FFFF_FFFF_F007),
        Self(VTdRegister.requestStatus, 4, "PRS", clearable: 3),
      ]
      rows += event("PE", at: VTdRegister.requestEvent)
    }
    rows += [
      Self(
        VTdRegister.invalidateAddress, 8, "IVA", writable: 0xFFFF_FFFF_FFFF_F07F, isReadable: false),
      Self(
        VTdRegister.invalidate, 8, "IOTLB", writable: 0xB003_FFFF_0000_0000,
        ownBits: 3 << 57),
    ]
    for index in 0..<configuration.faultRegisters {
      let offset = VTdRegister.faultRecords + 16 * index
      rows.append(Self(offset, 8, "FRCD\(index) low", ownBits: ~0xFFF))
      rows.append(Self(offset + 8, 8, "FRCD\(index) high", clearable: 1 << 63, ownBits: .max))
    }
    return rows
  }

  /// The four registers of an interrupt of the unit's own.
  private static func event(_ name: String, at offset: Int) -> [Self] {
    [
      Self(
        offset, 4, name + "CTL", reset: 0x8000_0000, writable: 0x8000_0000,
        ownBits: 0x4000_0000),
      Self(offset + 4, 4, name + "DATA", writable: 0xFFFF),
      Self(offset + 8, 4, name + "ADDR", writable: 0xFFFF_FFFC),
      Self(offset + 12, 4, name + "UADDR", writable: 0xFFFF_FFFF),
    ]
  }
}
