/// Reasons that the structures before the page tables, and second stages of a guest, give.
///
/// VT-d §7.1.3; the numbers below 0x20 are legacy mode's, 0x20 to 0x26 those of interrupts.
extension VTdFaultReason {
  /// No fault: the tables translate, but no memory answers at the address they lead to.
  public static var none: Self { Self(rawValue: 0) }
  /// Legacy: the root entry is not present.
  public static var legacyRootNotPresent: Self { Self(rawValue: 0x01) }
  /// Legacy: the context entry is not present.
  public static var legacyContextNotPresent: Self { Self(rawValue: 0x02) }
  /// Legacy: the context entry asks for something that the unit cannot do.
  public static var legacyContextInvalid: Self { Self(rawValue: 0x03) }
  /// Legacy: the input is wider than the unit or the context entry takes.
  public static var legacyInputTooWide: Self { Self(rawValue: 0x04) }
  /// Legacy: a second-stage entry forbids the write.
  public static var legacyWriteDenied: Self { Self(rawValue: 0x05) }
  /// Legacy: a second-stage entry forbids the read.
  public static var legacyReadDenied: Self { Self(rawValue: 0x06) }
  /// Legacy: a second-stage table could not be read.
  public static var legacyTableFetch: Self { Self(rawValue: 0x07) }
  /// Legacy: the root table could not be read.
  public static var legacyRootFetch: Self { Self(rawValue: 0x08) }
  /// Legacy: the context table could not be read.
  public static var legacyContextFetch: Self { Self(rawValue: 0x09) }
  /// Legacy: the root entry has a reserved bit set.
  public static var legacyRootReserved: Self { Self(rawValue: 0x0A) }
  /// Legacy: the context entry has a reserved bit set.
  public static var legacyContextReserved: Self { Self(rawValue: 0x0B) }
  /// Legacy: a second-stage entry has a reserved bit set.
  public static var legacyEntryReserved: Self { Self(rawValue: 0x0C) }
  /// Legacy: the context entry's TT does not allow this kind of request.
  public static var legacyRequestBlocked: Self { Self(rawValue: 0x0D) }
  /// Legacy: the result lies in the interrupt range.
  public static var legacyInterruptRange: Self { Self(rawValue: 0x0E) }

  /// An interrupt request has a reserved bit set.
  public static var interruptReserved: Self { Self(rawValue: 0x20) }
  /// An interrupt's index lies outside the table.
  public static var interruptIndex: Self { Self(rawValue: 0x21) }
  /// An interrupt remapping entry is not present.
  public static var interruptNotPresent: Self { Self(rawValue: 0x22) }
  /// The interrupt remapping table could not be read.
  public static var interruptFetch: Self { Self(rawValue: 0x23) }
  /// An interrupt remapping entry has a reserved bit set.
  public static var interruptEntryReserved: Self { Self(rawValue: 0x24) }
  /// An interrupt in compatibility format where those are blocked.
  public static var interruptCompatibility: Self { Self(rawValue: 0x25) }
  /// An interrupt's requester is not the one that its entry asks for.
  public static var interruptSource: Self { Self(rawValue: 0x26) }

  /// The root table's address or mode is none that the unit takes.
  public static var rootPointerInvalid: Self { Self(rawValue: 0x30) }
  /// A request with PASID in legacy mode.
  public static var pasidInLegacyMode: Self { Self(rawValue: 0x31) }
  /// A page request in legacy mode.
  public static var pageRequestInLegacyMode: Self { Self(rawValue: 0x32) }
  /// The root table could not be read.
  public static var rootFetch: Self { Self(rawValue: 0x38) }
  /// The root entry's half is not present.
  public static var rootNotPresent: Self { Self(rawValue: 0x39) }
  /// The root entry has a reserved bit set.
  public static var rootReserved: Self { Self(rawValue: 0x3A) }
  /// The context table could not be read.
  public static var contextFetch: Self { Self(rawValue: 0x40) }
  /// The context entry is not present.
  public static var contextNotPresent: Self { Self(rawValue: 0x41) }
  /// The context entry has a reserved bit set.
  public static var contextReserved: Self { Self(rawValue: 0x42) }
  /// The context entry asks for something that the unit cannot do.
  public static var contextInvalid: Self { Self(rawValue: 0x43) }
  /// A translation request or a translated one, where DTE is clear.
  public static var deviceTLBNotEnabled: Self { Self(rawValue: 0x44) }
  /// A request with PASID where PASIDE is clear.
  public static var pasidNotEnabled: Self { Self(rawValue: 0x45) }
  /// The PASID is beyond the directory.
  public static var pasidTooLarge: Self { Self(rawValue: 0x46) }
  /// A page request where PRE is clear.
  public static var pageRequestsNotEnabled: Self { Self(rawValue: 0x47) }
  /// RID_PASID is beyond the directory.
  public static var ridPASIDInvalid: Self { Self(rawValue: 0x48) }
  /// The PASID directory could not be read.
  public static var directoryFetch: Self { Self(rawValue: 0x50) }
  /// The PASID directory entry is not present.
  public static var directoryNotPresent: Self { Self(rawValue: 0x51) }
  /// The PASID directory entry has a reserved bit set.
  public static var directoryReserved: Self { Self(rawValue: 0x52) }
  /// The PASID table could not be read.
  public static var pasidEntryFetch: Self { Self(rawValue: 0x58) }
  /// The PASID table entry is not present.
  public static var pasidEntryNotPresent: Self { Self(rawValue: 0x59) }
  /// The PASID table entry has a reserved bit set.
  public static var pasidEntryReserved: Self { Self(rawValue: 0x5A) }
  /// The PASID table entry asks for something that the unit cannot do.
  public static var pasidEntryInvalid: Self { Self(rawValue: 0x5B) }
  /// The top first-stage table could not be read.
  public static var firstStageTopFetch: Self { Self(rawValue: 0x73) }
  /// A second-stage entry could not be read or its bits not be set.
  public static var secondStageEntryFetch: Self { Self(rawValue: 0x78) }
  /// A second-stage entry has a reserved bit set.
  public static var secondStageReserved: Self { Self(rawValue: 0x7A) }
  /// The top second-stage table could not be read.
  public static var secondStageTopFetch: Self { Self(rawValue: 0x7B) }
  /// The result is wider than the unit's host addresses.
  public static var resultTooWide: Self { Self(rawValue: 0x84) }
  /// The result lies in the interrupt range.
  public static var interruptRange: Self { Self(rawValue: 0x87) }

  /// Whether FPD, once it was fetched, keeps the fault from being recorded.
  ///
  /// VT-d §7.1.3, the column "qualified". What cannot be read of roots, contexts, directories and
  /// PASID tables is always recorded.
  public var isQualified: Bool {
    switch rawValue {
    case 0x00, 0x01, 0x08...0x0A, 0x20, 0x21, 0x23, 0x25, 0x30...0x3A, 0x40, 0x50, 0x58: false
    default: true
    }
  }
}
