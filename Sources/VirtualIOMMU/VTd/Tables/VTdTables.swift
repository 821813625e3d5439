public import Hardware
public import IOMMU

/// Why a structure before the page tables refuses a request.
public struct VTdTableFault: Error, Hashable, Sendable {
  /// The reason.
  public var reason: VTdFaultReason
  /// Whether FPD of a structure that was read says that the fault is not recorded.
  public var isSuppressed: Bool

  /// Describes why.
  ///
  /// - Parameters:
  ///   - reason: The reason.
  ///   - disablesFaults: Whether FPD was set in a structure that was read.
  public init(_ reason: VTdFaultReason, disablesFaults: Bool) {
    self.reason = reason
    isSuppressed = disablesFaults && reason.isQualified
  }
}

/// What a requester's context entry says.
public enum VTdContext: Hashable, Sendable {
  /// A context entry of legacy mode.
  case legacy(VTdLegacyContextEntry)
  /// A context entry of scalable mode.
  case scalable(VTdContextEntry)
}

/// A PASID table entry with what was read on the way to it.
public struct VTdPASIDState: Hashable, Sendable {
  /// The entry: present, valid, without reserved bits.
  public var entry: VTdPASIDEntry
  /// Whether FPD is set in the context entry, the directory entry or the PASID entry.
  public var disablesFaults: Bool

  /// Describes an entry.
  ///
  /// - Parameters:
  ///   - entry: The entry.
  ///   - disablesFaults: Whether FPD is set on the way to it or in it.
  public init(entry: VTdPASIDEntry, disablesFaults: Bool) {
    self.entry = entry
    self.disablesFaults = disablesFaults
  }
}

/// The structures that lead from a requester to its page tables, as the guest's memory has them now.
///
/// Nothing is cached here and nothing is written. VT-d §3.4, §7.1.3.
public struct VTdTables: Sendable {
  /// The guest's memory.
  public let memory: GuestMemory
  /// What the unit can do.
  public let features: VTdFeatures

  /// Makes the structures of a memory readable.
  ///
  /// - Parameters:
  ///   - memory: The guest's memory.
  ///   - features: What the unit can do.
  public init(memory: GuestMemory, features: VTdFeatures) {
    self.memory = memory
    self.features = features
  }

  /// Reads root and context entry of a requester.
  ///
  /// - Parameters:
  ///   - requester: Whose; the segment is not looked at.
  ///   - root: The root table, as latched by the last set-root-pointer command.
  /// - Returns: The context entry: present, valid, without reserved bits.
  /// - Throws: The first fault of root and context.
  public func context(
    of requester: RequesterID, root: VTdRootTableAddress
  ) throws(VTdTableFault) -> VTdContext {
    guard root.table.rawValue & features.reservedAddress() == 0 else {
      throw fault(root.mode == .legacy ? .legacyRootFetch : .rootPointerInvalid)
    }
    switch root.mode {
    case .legacy: return .legacy(try legacyContext(of: requester, root.table))
    case .scalable where features.hasScalableMode:
      return .scalable(try scalableContext(of: requester, root.table))
    default: throw fault(.rootPointerInvalid)
    }
  }

  private func legacyContext(
    of requester: RequesterID, _ root: GuestPhysicalAddress
  ) throws(VTdTableFault) -> VTdLegacyContextEntry {
    let place = GuestPhysicalAddress(root.rawValue &+ UInt64(requester.bus) &* 16)
    guard let words: InlineArray<2, UInt64> = memory.words(at: place) else {
      throw fault(.legacyRootFetch)
    }
    let entry = VTdRootEntry(rawValue: words[0])
    guard entry.isPresent else { throw fault(.legacyRootNotPresent) }
    guard !entry.hasReserved(features), words[1] == 0 else { throw fault(.legacyRootReserved) }
    let contextPlace = GuestPhysicalAddress(entry.table.rawValue &+ UInt64(requester.devfn) &* 16)
    guard let pair: InlineArray<2, UInt64> = memory.words(at: contextPlace) else {
      throw fault(.legacyContextFetch)
    }
    let context = VTdLegacyContextEntry(low: pair[0], high: pair[1])
    let isQuiet = context.disablesFaults
    guard context.isPresent else { throw fault(.legacyContextNotPresent, isQuiet) }
    guard !context.hasReserved(features) else { throw fault(.legacyContextReserved, isQuiet) }
    guard context.isValid(features) else { throw fault(.legacyContextInvalid, isQuiet) }
    return context
  }

  private func scalableContext(
    of requester: RequesterID, _ root: GuestPhysicalAddress
  ) throws(VTdTableFault) -> VTdContextEntry {
    let half = UInt64(requester.devfn >> 7)
    let place = GuestPhysicalAddress(
      root.rawValue &+ UInt64(requester.bus) &* 16 &+ half &* 8)
    guard let word = memory.load(place) else { throw fault(.rootFetch) }
    let entry = VTdRootEntry(rawValue: word)
    guard entry.isPresent else { throw fault(.rootNotPresent) }
    guard !entry.hasReserved(features) else { throw fault(.rootReserved) }
    let contextPlace = GuestPhysicalAddress(
      entry.table.rawValue &+ UInt64(requester.devfn & 127) &* 32)
    guard let words: InlineArray<4, UInt64> = memory.words(at: contextPlace) else {
      throw fault(.contextFetch)
    }
    let context = VTdContextEntry(
      word0: words[0], word1: words[1], word2: words[2], word3: words[3])
    let isQuiet = context.disablesFaults
    guard context.isPresent else { throw fault(.contextNotPresent, isQuiet) }
    guard !context.hasReserved(features) else { throw fault(.contextReserved, isQuiet) }
    return context
  }

  /// The PASID that a request is looked up by.
  ///
  /// - Parameters:
  ///   - pasid: The request's PASID, or `nil` for the one that the context entry names.
  ///   - context: The requester's context entry.
  /// - Returns: The PASID.
  /// - Throws: The fault of a PASID that is not allowed or too large.
  public func effectivePASID(
    _ pasid: PASID?, in context: VTdContextEntry
  ) throws(VTdTableFault) -> PASID {
    let width = min(context.pasidWidth, max(features.pasidWidth, 1))
    if let pasid {
      guard context.allowsPASID else { throw fault(.pasidNotEnabled, context.disablesFaults) }
      guard pasid.rawValue >> UInt32(width) == 0 else {
        throw fault(.pasidTooLarge, context.disablesFaults)
      }
      return pasid
    }
    guard context.ridPASID >> UInt32(width) == 0, let own = PASID(rawValue: context.ridPASID) else {
      throw fault(.ridPASIDInvalid, context.disablesFaults)
    }
    return own
  }

  /// Reads directory and table entry of a PASID.
  ///
  /// - Parameters:
  ///   - pasid: The PASID, as ``effectivePASID(_:in:)`` gives it.
  ///   - context: The requester's context entry.
  /// - Returns: The entry: present, valid, without reserved bits.
  /// - Throws: The first fault of directory and table.
  public func entry(
    of pasid: PASID, in context: VTdContextEntry
  ) throws(VTdTableFault) -> VTdPASIDState {
    var isQuiet = context.disablesFaults
    let place = GuestPhysicalAddress(
      context.directory.rawValue &+ UInt64(pasid.rawValue >> 6) &* 8)
    guard let word = memory.load(place) else { throw fault(.directoryFetch, isQuiet) }
    let directory = VTdPASIDDirectoryEntry(rawValue: word)
    isQuiet = isQuiet || directory.disablesFaults
    guard directory.isPresent else { throw fault(.directoryNotPresent, isQuiet) }
    guard !directory.hasReserved(features) else { throw fault(.directoryReserved, isQuiet) }
    let entryPlace = GuestPhysicalAddress(
      directory.table.rawValue &+ UInt64(pasid.rawValue & 63) &* 64)
    guard let words: InlineArray<8, UInt64> = memory.words(at: entryPlace) else {
      throw fault(.pasidEntryFetch, isQuiet)
    }
    let entry = VTdPASIDEntry(word0: words[0], word1: words[1], word2: words[2])
    isQuiet = isQuiet || entry.disablesFaults
    guard entry.isPresent else { throw fault(.pasidEntryNotPresent, isQuiet) }
    guard !entry.hasReserved(features) else { throw fault(.pasidEntryReserved, isQuiet) }
    guard entry.isValid(features) else { throw fault(.pasidEntryInvalid, isQuiet) }
    return VTdPASIDState(entry: entry, disablesFaults: isQuiet)
  }

  private func fault(_ reason: VTdFaultReason, _ disablesFaults: Bool = false) -> VTdTableFault {
    VTdTableFault(reason, disablesFaults: disablesFaults)
  }
}
