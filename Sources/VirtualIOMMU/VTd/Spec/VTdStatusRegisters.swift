public import Hardware

/// GCMD and GSTS, which have the same bits (VT-d §11.4.4).
public struct VTdGlobalCommand: BitRegister {
  /// All bits.
  public var rawValue: UInt32

  /// Makes a register from all its bits.
  ///
  /// - Parameter rawValue: All bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// TE, TES: translation.
  public var translation: Bool {
    get { self[31] }
    set { self[31] = newValue }
  }
  /// SRTP, RTPS: set the root table pointer.
  public var rootPointer: Bool {
    get { self[30] }
    set { self[30] = newValue }
  }
  /// WBF, WBFS: write buffer flush.
  public var writeBufferFlush: Bool {
    get { self[27] }
    set { self[27] = newValue }
  }
  /// QIE, QIES: queued invalidation.
  public var queuedInvalidation: Bool {
    get { self[26] }
    set { self[26] = newValue }
  }
  /// IRE, IRES: interrupt remapping.
  public var interruptRemapping: Bool {
    get { self[25] }
    set { self[25] = newValue }
  }
  /// SIRTP, IRTPS: set the interrupt remapping table pointer.
  public var interruptPointer: Bool {
    get { self[24] }
    set { self[24] = newValue }
  }
  /// CFI, CFIS: interrupts of the compatibility format.
  public var compatibilityInterrupts: Bool {
    get { self[23] }
    set { self[23] = newValue }
  }
}

/// FSTS (VT-d §11.4.9.1).
public struct VTdFaultStatus: BitRegister {
  /// All bits.
  public var rawValue: UInt32

  /// Makes a register from all its bits.
  ///
  /// - Parameter rawValue: All bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// PFO: a fault found no recording register.
  public var overflow: Bool {
    get { self[0] }
    set { self[0] = newValue }
  }
  /// PPF: some recording register holds a fault.
  public var pending: Bool {
    get { self[1] }
    set { self[1] = newValue }
  }
  /// IQE: a descriptor, or the queue, is wrong.
  public var queueError: Bool {
    get { self[4] }
    set { self[4] = newValue }
  }
  /// ICE: a device answered what it was not asked.
  public var completionError: Bool {
    get { self[5] }
    set { self[5] = newValue }
  }
  /// ITE: a device did not answer.
  public var timeout: Bool {
    get { self[6] }
    set { self[6] = newValue }
  }
  /// FRI: the recording register of the first fault.
  public var recordIndex: UInt32 {
    get { self[8...15] }
    set { self[8...15] = newValue }
  }

  /// Everything that keeps a further fault event from being sent.
  public static let conditions: UInt32 = 0x73
}

/// PRS (VT-d §11.4.11.4).
public struct VTdRequestStatus: BitRegister {
  /// All bits.
  public var rawValue: UInt32

  /// Makes a register from all its bits.
  ///
  /// - Parameter rawValue: All bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// PPR: requests were written.
  public var pending: Bool {
    get { self[0] }
    set { self[0] = newValue }
  }
  /// PRO: a request found the queue full.
  public var overflow: Bool {
    get { self[1] }
    set { self[1] = newValue }
  }
}

/// IQA, and in the bits that it shares, PQA (VT-d §11.4.10.3, §11.4.11.3).
public struct VTdQueueAddress: BitRegister {
  /// All bits.
  public var rawValue: UInt64

  /// Makes a register from all its bits.
  ///
  /// - Parameter rawValue: All bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Where the queue is.
  public var base: GuestPhysicalAddress { GuestPhysicalAddress(rawValue & ~0xFFF) }
  /// DW: descriptors have 32 bytes, not 16.
  public var isWide: Bool { self[11] }
  /// How many bytes the queue has: 4 KiB to 512 KiB.
  public var byteCount: UInt64 { 4096 << self[0...2] }
}
