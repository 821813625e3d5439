import Hardware

/// A first-stage entry.
///
/// VT-d §9.7.
struct VTdFirstStageEntry: BitRegister {
  var rawValue: UInt64

  init(rawValue: UInt64) { self.rawValue = rawValue }

  static let accessed: UInt64 = 1 << 5
  static let dirty: UInt64 = 1 << 6
  static let extendedAccessed: UInt64 = 1 << 10

  var isPresent: Bool { self[0] }
  var isWritable: Bool { self[1] }
  var isUser: Bool { self[2] }
  var isDirty: Bool { self[6] }
  /// PS in inner levels; a memory type bit in the last.
  var isLarge: Bool { self[7] }
  var forbidsExecution: Bool { self[63] }
  /// Bits 51:12.
  var address: UInt64 { rawValue & 0x000F_FFFF_FFFF_F000 }
}

/// The first stage of VT-d: x86-64 tables of 4 or 5 levels.
///
/// VT-d §3.6, §9.7.
enum VTdFirstStageFormat: FirstStageFormat {
  struct Parameters: BitwiseCopyable, Sendable {
    let options: VTdNestedTable.Options
    /// Address bits from the unit's host address width up to 51.
    let reserved: UInt64
    /// The size of the largest page as a power of two: 30, or 21 without pages of 1 GiB.
    var largest: UInt64 = 30
  }

  static var fetchReason: FaultReason { .vtd(.firstStageEntryFetch) }
  static var updateReason: FaultReason { .vtd(.updateFailed) }

  /// Bit 0 user, bit 1 writable, bit 2 executable: the AND over all levels so far.
  static var initial: UInt64 { 7 }

  @inline(__always)
  static func meaning(
    of raw: UInt64, shift: UInt64, request: WalkRequest, _ parameters: Parameters,
    inherited: inout UInt64
  ) -> EntryMeaning {
    let entry = VTdFirstStageEntry(rawValue: raw)
    let access = request.access
    let isLeaf = shift == 12 || entry.isLarge
    guard entry.isPresent else {
      return .refused(.vtd(.firstStageNotPresent), isCurable: true)
    }
    // Large pages exist at 2 MiB and 1 GiB; bit 12 of such an entry is a memory type bit.
    let low = isLeaf ? ((1 << shift) &- 1) & ~0x1FFF as UInt64 : 0
    guard raw & (parameters.reserved | low) == 0, !isLeaf || shift <= parameters.largest else {
      return .refused(.vtd(.firstStageReserved), isCurable: false)
    }
    let isPrivileged = access.contains(.privileged)
    inherited &=
      (entry.isUser ? 1 : 0) | (entry.isWritable ? 2 : 0) | (entry.forbidsExecution ? 0 : 4)
    guard isPrivileged || inherited & 1 != 0 else {
      return .refused(.vtd(.userOnSupervisor), isCurable: true)
    }
    let mayWrite =
      inherited & 2 != 0 || isPrivileged && !parameters.options.contains(.writeProtect)
    guard mayWrite || !access.contains(.write) else {
      return .refused(.vtd(.writeDenied), isCurable: true)
    }
    guard inherited & 4 != 0 || !access.contains(.execute) else {
      return .refused(.vtd(.noExecute), isCurable: true)
    }
    var used = VTdFirstStageEntry.accessed
    if parameters.options.contains(.extendedAccessed) {
      used |= VTdFirstStageEntry.extendedAccessed
    }
    guard isLeaf else { return .table(entry.address, entry: raw | used) }
    if access.contains(.write) { used |= VTdFirstStageEntry.dirty }
    // Without a dirty bit the right to write is not handed out for keeping.
    let isWriteNoted = entry.isDirty || access.contains(.write)
    let executable = parameters.options.contains(.executeRequests) ? inherited & 4 : 0
    let rights = 1 | (mayWrite && isWriteNoted ? 2 : 0) | executable
    return .leaf(
      entry.address & ~((1 << shift) &- 1), rights: isPrivileged ? rights << 3 : rights,
      entry: raw | used)
  }

  static func reason(_ cause: SecondStageCause, for purpose: SecondStagePurpose) -> FaultReason {
    switch (cause, purpose) {
    case (.tooWide, _): .vtd(.guestAddressTooWide)
    case (.denied, .topTable): .vtd(.topTableReadDenied)
    case (.denied, .lowerTable): .vtd(.tableReadDenied)
    case (.denied, .update): .vtd(.tableWriteDenied)
    case (.denied, .page), (.absent, _): .vtd(.secondStagePermission)
    }
  }
}
