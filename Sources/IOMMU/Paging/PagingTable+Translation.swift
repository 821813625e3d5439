import Hardware
import Synchronization

extension PagingTable {
  /// The leaf entry of an address that is within the input width; 0 when there is none.
  ///
  /// Of a large leaf, what the leaf of 4 KiB would be that has the address.
  @inline(__always)
  func leaf(_ address: UInt64) -> UInt64 {
    var shift = topShift
    var table = root
    while true {
      let entry = HostMemory.load(table | (address >> shift & 511) << 3)
      if shift == 12 { return entry }
      guard entry & PagingEntry.inner != 0 else {
        return entry == 0 ? 0 : entry &+ (address & ((1 << shift) &- 4096))
      }
      table = entry & PagingEntry.addressMask
      shift -= 9
    }
  }

  /// Whether stage 2 cannot even look at an address.
  @inline(__always)
  func isTooWide(_ address: UInt64) -> Bool { address >> (topShift + 9) != 0 }

  /// Notes that a page was used, and written, when that is tracked.
  ///
  /// - Parameters:
  ///   - entry: The leaf entry that allows it.
  ///   - address: Any address of the page.
  ///   - isWrite: Whether it is written.
  ///   - updating: Whether it is really done; otherwise only looked at.
  /// - Returns: The entry's rights that may be cached: writing only when it has been noted.
  @inline(__always)
  func rights(noting entry: UInt64, at address: UInt64, isWrite: Bool, updating: Bool) -> UInt64 {
    let rights = entry & 3
    guard entry & (PagingEntry.dirty | PagingEntry.write) == PagingEntry.write else {
      return rights
    }
    guard isTracking.load(ordering: .relaxed) else { return rights }
    guard updating else { return rights }
    guard isWrite else { return rights & ~PagingEntry.write }
    return setDirty(entry, at: address)
  }

  /// Sets the dirty bit of a leaf that allows writing.
  @inline(never)
  private func setDirty(_ entry: UInt64, at address: UInt64) -> UInt64 {
    var shift = topShift
    var table = root
    while shift > 12 {
      let inner = HostMemory.load(table | (address >> shift & 511) << 3)
      if inner == 0 { return entry & 3 }
      table = inner & PagingEntry.addressMask
      shift -= 9
    }
    let place = table | (address >> 12 & 511) << 3
    var current = HostMemory.load(place)
    // Ends when the entry is dirty or gone; a removed entry must stay so.
    while current & (PagingEntry.dirty | PagingEntry.write) == PagingEntry.write {
      let dirty = current | PagingEntry.dirty | PagingEntry.accessed
      if HostMemory.compareExchange(place, current, dirty) { break }
      current = HostMemory.load(place)
    }
    return entry & 3
  }

  /// Translates a request that goes through this table alone.
  func walk(_ iova: IOVA, _ access: DMAAccess, updating: Bool) -> WalkResult {
    guard !isTooWide(iova.rawValue) else {
      return .fault(fault(.tooWide, at: iova))
    }
    let entry = leaf(iova.rawValue)
    let needed = PagingTable.needed(access)
    guard needed & ~entry == 0, entry != 0 else {
      return .fault(fault(entry == 0 ? .absent : .denied, at: iova))
    }
    let rights = rights(
      noting: entry, at: iova.rawValue, isWrite: access.contains(.write), updating: updating)
    // Who may read may execute: the tables of the host do not tell the two apart.
    let all = rights | (rights & 1) << 2
    return .mapped(TranslationWord(host: entry, rights: all | all << 3, pageShift: 12))
  }

  /// The rights that a request needs here: executing is reading.
  @inline(__always)
  static func needed(_ access: DMAAccess) -> UInt64 {
    UInt64(access.rawValue & 3 | access.rawValue >> 2 & 1)
  }

  private func fault(_ cause: SecondStageCause, at iova: IOVA) -> TranslationFault {
    let reason: FaultReason =
      switch (dialect, cause) {
      case (.vtd, .tooWide): .vtd(.inputTooWide)
      case (.vtd, .absent), (.vtd, .denied): .vtd(.secondStagePermission)
      case (.smmuv3, .tooWide), (.smmuv3, .absent): .smmu(.translation, .input)
      case (.smmuv3, .denied): .smmu(.permission, .input)
      }
    return TranslationFault(
      reason, in: .second, at: iova, intermediate: GuestPhysicalAddress(iova.rawValue),
      isCurable: cause != .tooWide, handling: dialect == .smmuv3 ? [.isRecorded, .aborts] : [])
  }
}

/// Why stage 2 refuses an address.
enum SecondStageCause {
  /// It is wider than the table.
  case tooWide
  /// Nothing is mapped there.
  case absent
  /// The mapping lacks the right.
  case denied
}
