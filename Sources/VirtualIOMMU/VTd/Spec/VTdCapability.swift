public import Hardware

/// The capability register, offset 0x08 (VT-d §11.4.2).
public struct VTdCapability: BitRegister {
  /// All bits.
  public var rawValue: UInt64

  /// Makes a register from all its bits.
  ///
  /// - Parameter rawValue: All bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// ND: there are 2^(4 + 2 ND) domains.
  public var domains: UInt64 {
    get { self[0...2] }
    set { self[0...2] = newValue }
  }
  /// CM: entries that are not present may be cached.
  public var hasCachingMode: Bool {
    get { self[7] }
    set { self[7] = newValue }
  }
  /// SAGAW: widths of second stages; bit 1 is 39 bits, bit 2 is 48, bit 3 is 57.
  public var secondStageWidths: UInt64 {
    get { self[8...12] }
    set { self[8...12] = newValue }
  }
  /// MGAW: the width of guest addresses in bits, less one.
  public var guestAddressWidth: UInt64 {
    get { self[16...21] }
    set { self[16...21] = newValue }
  }
  /// FRO: where the fault recording registers are, in units of 16 bytes.
  public var faultRegisterOffset: UInt64 {
    get { self[24...33] }
    set { self[24...33] = newValue }
  }
  /// SLLPS: bit 0 is 2 MiB, bit 1 is 1 GiB.
  public var secondStageLargePages: UInt64 {
    get { self[34...37] }
    set { self[34...37] = newValue }
  }
  /// PSI: page-selective invalidation.
  public var hasPageSelectiveInvalidation: Bool {
    get { self[39] }
    set { self[39] = newValue }
  }
  /// NFR: how many fault recording registers there are, less one.
  public var faultRegisters: UInt64 {
    get { self[40...47] }
    set { self[40...47] = newValue }
  }
  /// MAMV: the largest address mask of an invalidation.
  public var maximumAddressMask: UInt64 {
    get { self[48...53] }
    set { self[48...53] = newValue }
  }
  /// DWD and DRD: invalidations can wait for writes and reads.
  public var drains: UInt64 {
    get { self[54...55] }
    set { self[54...55] = newValue }
  }
  /// FS1GP: first-stage pages of 1 GiB.
  public var hasGigabytePages: Bool {
    get { self[56] }
    set { self[56] = newValue }
  }
  /// FS5LP: first stages of five levels.
  public var hasFiveLevels: Bool {
    get { self[60] }
    set { self[60] = newValue }
  }
  /// ESIRTPS and ESRTPS: setting a pointer also drops what was cached.
  public var flushingPointers: UInt64 {
    get { self[62...63] }
    set { self[62...63] = newValue }
  }
}

/// The extended capability register, offset 0x10 (VT-d §11.4.3).
public struct VTdExtendedCapability: BitRegister {
  /// One-bit fields, by their names in the specification.
  public enum Bit: Int, Hashable, Sendable, CaseIterable {
    /// C: walks are coherent.
    case coherent = 0
    /// QI.
    case queuedInvalidation = 1
    /// DT.
    case deviceTLB = 2
    /// IR.
    case interruptRemapping = 3
    /// EIM.
    case extendedInterrupts = 4
    /// PT.
    case passThrough = 6
    /// SC.
    case snoopControl = 7
    /// NEST.
    case nesting = 26
    /// PRS.
    case pageRequests = 29
    /// ERS.
    case executeRequests = 30
    /// SRS.
    case supervisorRequests = 31
    /// NWFS.
    case noWriteFlag = 33
    /// EAFS.
    case extendedAccessedFlag = 34
    /// PASID.
    case pasid = 40
    /// PDS.
    case pageRequestDrain = 42
    /// SMTS.
    case scalableMode = 43
    /// SLADS.
    case secondStageDirtyBits = 45
    /// SLTS.
    case secondStage = 46
    /// FLTS.
    case firstStage = 47
    /// SMPWC.
    case coherentScalableWalks = 48
    /// RPS.
    case ridPASID = 49
  }

  /// All bits.
  public var rawValue: UInt64

  /// Makes a register from all its bits.
  ///
  /// - Parameter rawValue: All bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// A one-bit field.
  ///
  /// - Parameter bit: Which one.
  public subscript(bit: Bit) -> Bool {
    get { self[bit.rawValue] }
    set { self[bit.rawValue] = newValue }
  }

  /// IRO: where IVA and the IOTLB register are, in units of 16 bytes.
  public var invalidationOffset: UInt64 {
    get { self[8...17] }
    set { self[8...17] = newValue }
  }
  /// MHMV: the largest handle mask of an interrupt invalidation.
  public var maximumHandleMask: UInt64 {
    get { self[20...23] }
    set { self[20...23] = newValue }
  }
  /// PSS: bits of a PASID, less one.
  public var pasidBits: UInt64 {
    get { self[35...39] }
    set { self[35...39] = newValue }
  }
}
