import Hardware

/// A translation table entry of AArch64, stage 1.
///
/// SMMUv3 §3.4, Arm VMSAv8-64.
struct VMSAv8Entry: BitRegister {
  var rawValue: UInt64

  init(rawValue: UInt64) { self.rawValue = rawValue }

  static let accessFlag: UInt64 = 1 << 10
  static let readOnly: UInt64 = 1 << 7

  /// Bits 1:0: 3 for a table, or for a page in the last level; 1 for a block.
  var kind: UInt64 { rawValue & 3 }
  /// AP[1].
  var isUser: Bool { self[6] }
  /// AP[2].
  var isReadOnly: Bool { self[7] }
  var isAccessed: Bool { self[10] }
  /// DBM: AP[2] tells clean from dirty.
  var isDirtyManaged: Bool { self[51] }
  /// PXN.
  var forbidsPrivilegedExecution: Bool { self[53] }
  /// UXN.
  var forbidsUserExecution: Bool { self[54] }
}

/// AArch64 stage 1 tables with 4, 16 or 64 KiB pages.
enum VMSAv8Format: FirstStageFormat {
  struct Parameters: BitwiseCopyable, Sendable {
    let pageShift: UInt64
    /// How wide an address that an entry holds may be.
    let outputBits: UInt64
    let isFlat: Bool
    let setsAccessFlag: Bool
    let setsDirty: Bool
    let disablesAccessFault: Bool
  }

  static var fetchReason: FaultReason { .smmu(.walkAbort, .input) }
  static var updateReason: FaultReason { .smmu(.walkAbort, .input) }

  /// What table entries above forbid: bit 0 user access, bit 1 writing, bit 2 execution by users,
  /// bit 3 privileged execution.
  static var initial: UInt64 { 0 }

  @inline(__always)
  static func meaning(
    of raw: UInt64, shift: UInt64, request: WalkRequest, _ parameters: Parameters,
    inherited: inout UInt64
  ) -> EntryMeaning {
    let entry = VMSAv8Entry(rawValue: raw)
    let pageShift = parameters.pageShift
    let isLast = shift == pageShift
    guard entry.kind & 1 != 0 else { return refused(.translation) }
    // 47:12, down to the page; with 64 KiB pages and 52 bits, 15:12 are 51:48.
    var address = raw & ((1 << 48) &- (1 << pageShift))
    if pageShift == 16, parameters.outputBits == 52 { address |= (raw >> 12 & 0xF) << 48 }
    if entry.kind == 3, !isLast {
      guard address >> parameters.outputBits == 0 else { return refused(.addressSize) }
      if !parameters.isFlat {
        // UXNTable and PXNTable are bits 60 and 59, APTable bits 62:61.
        inherited |= raw >> 61 & 3 | (raw >> 60 & 1) << 2 | (raw >> 59 & 1) << 3
      }
      return .table(address, entry: raw)
    }
    let isBlock = shift == 2 &* pageShift &- 3 || pageShift == 12 && shift == 30
    guard isLast ? entry.kind == 3 : entry.kind == 1 && isBlock else {
      return refused(.translation)
    }
    address &= ~((1 << shift) &- 1)
    guard address >> parameters.outputBits == 0 else { return refused(.addressSize) }
    return leaf(entry, address, request, parameters, inherited)
  }

  @inline(__always)
  private static func leaf(
    _ entry: VMSAv8Entry, _ address: UInt64, _ request: WalkRequest, _ parameters: Parameters,
    _ inherited: UInt64
  ) -> EntryMeaning {
    let access = request.access
    let isPrivileged = access.contains(.privileged)
    var new = entry.rawValue
    if !entry.isAccessed {
      if parameters.setsAccessFlag {
        new |= VMSAv8Entry.accessFlag
      } else if !parameters.disablesAccessFault {
        return refused(.access)
      }
    }
    let isUser = entry.isUser && inherited & 1 == 0
    guard isPrivileged || isUser else { return refused(.permission) }
    let isClean = entry.isReadOnly && entry.isDirtyManaged && parameters.setsDirty
    let mayWrite = inherited & 2 == 0 && (!entry.isReadOnly || isClean)
    guard mayWrite || !access.contains(.write) else { return refused(.permission) }
    let mayExecute =
      isPrivileged
      // What users may write, privileged code does not execute.
      ? !entry.forbidsPrivilegedExecution && inherited & 8 == 0 && !(isUser && mayWrite)
      : !entry.forbidsUserExecution && inherited & 4 == 0
    guard mayExecute || !access.contains(.execute) else { return refused(.permission) }
    let isDirtied = isClean && access.contains(.write)
    if isDirtied { new &= ~VMSAv8Entry.readOnly }
    // A clean page's right to be written is not handed out for keeping.
    let isWriteNoted = !entry.isReadOnly || isDirtied
    let rights: UInt64 = 1 | (mayWrite && isWriteNoted ? 2 : 0) | (mayExecute ? 4 : 0)
    return .leaf(address, rights: isPrivileged ? rights << 3 : rights, entry: new)
  }

  @inline(__always)
  private static func refused(_ event: SMMUEventID) -> EntryMeaning {
    .refused(.smmu(event, .input), isCurable: event != .addressSize)
  }

  static func reason(_ cause: SecondStageCause, for purpose: SecondStagePurpose) -> FaultReason {
    let isPage = if case .page = purpose { true } else { false }
    return .smmu(cause == .denied ? .permission : .translation, isPage ? .input : .table)
  }
}
