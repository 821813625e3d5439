import HostABI
import Hardware
import IOMMU

extension IOMMUContext {
  /// `IOMMU_HWPT_SET_DIRTY_TRACKING`.
  func setDirtyTracking(_ call: Call) throws(LinuxErrno) {
    let argument = try load(SetDirtyTrackingArgument.self, call)
    // The reserved field is not looked at in Linux 7.2.
    guard argument.flags & ~1 == 0 else { throw .EOPNOTSUPP }
    let table = try paging(argument.hwptID)
    guard table.flags.contains(.dirtyTracking) else { throw .EOPNOTSUPP }
    table.domain.setDirtyTracking(argument.flags & 1 == 1)
    // Cached translations that allow writing would note nothing.
    table.forgetCached()
  }

  /// `IOMMU_HWPT_GET_DIRTY_BITMAP`.
  func getDirtyBitmap(_ call: Call) throws(LinuxErrno) {
    let argument = try load(GetDirtyBitmapArgument.self, call)
    guard argument.flags & ~1 == 0, argument.reserved == 0 else { throw .EOPNOTSUPP }
    let table = try paging(argument.hwptID)
    let (last, wraps) = argument.iova.addingReportingOverflow(argument.length &- 1)
    // A length of 0 wraps too, unless the range starts at 0.
    if wraps || (argument.length == 0 && argument.iova != 0) { throw .EOVERFLOW }
    let mask = table.ioas.alignment - 1
    let end = last &+ 1
    guard argument.iova & mask == 0, end & mask == 0, argument.pageSize != 0 else {
      throw .EINVAL
    }
    let bitSize: UInt64 = 1 << UInt64(argument.pageSize.trailingZeroBitCount)
    // Linux takes the size for a power of two here, though only its lowest bit counts.
    guard (argument.iova | end) & (argument.pageSize - 1) == 0 else { throw .EINVAL }
    guard table.flags.contains(.dirtyTracking) else { throw .EOPNOTSUPP }
    guard argument.length > 0 else { return }
    var bitmap = DirtyBitmap(
      address: argument.bitmap, start: argument.iova, bitSize: bitSize, memory: call.memory)
    table.collectDirty(argument.iova...last, clearing: argument.flags & 1 == 0) { page, size in
      bitmap.set(page, size, last: last)
    }
    bitmap.flush()
    if argument.flags & 1 == 0 { table.forgetCached() }
  }

  /// `IOMMU_HWPT_INVALIDATE`; how many entries were done is told on errors too.
  func invalidate(_ call: Call) throws(LinuxErrno) {
    var argument = try load(InvalidateArgument.self, call)
    var done: UInt32 = 0
    let outcome: LinuxErrno?
    do {
      try invalidate(argument, call, done: &done)
      outcome = nil
    } catch { outcome = error }
    argument.entryCount = done
    try store(argument, call)
    if let outcome { throw outcome }
  }

  private func invalidate(
    _ argument: InvalidateArgument, _ call: Call, done: inout UInt32
  ) throws(LinuxErrno) {
    guard argument.reserved == 0 else { throw .EOPNOTSUPP }
    if argument.entryCount > 0 {
      guard argument.dataAddress != 0, argument.entryLength > 0,
        argument.entryLength <= Page.size, argument.entryCount <= 1 << 19
      else { throw .EINVAL }
    }
    let array = EntryArray(
      type: argument.dataType, entryLength: argument.entryLength, count: argument.entryCount,
      address: argument.dataAddress, memory: call.memory)
    switch slot(argument.hwptID) {
    case .nested(let table):
      try table.unit.driver.invalidate(table, array, done: &done)
    case .viommu(let viommu):
      try viommu.unit.driver.invalidate(viommu, array, done: &done)
    case .free, .tombstone: throw .ENOENT
    default: throw .EINVAL
    }
  }
}

extension PagingHWPT {
  /// Drops all cached translations that rest on this table, and waits for their users.
  func forgetCached() {
    forgetAll()
    for table in nested { table.forgetAll() }
    drain()
    for table in nested { table.drain() }
  }

  /// Tells the dirty pages of a range, ascending, until the first gap between mappings.
  ///
  /// `visit` gets each page's address and size in bytes.
  func collectDirty(
    _ range: ClosedRange<UInt64>, clearing: Bool, _ visit: (UInt64, UInt64) -> Void
  ) {
    var at = range.lowerBound
    while let area = ioas.area(at: at) {
      let end = min(area.last, range.upperBound)
      domain.forEachDirtyPage(at...end, clearing: clearing, visit)
      if end == range.upperBound { return }
      at = end + 1
    }
  }
}

extension PagingDomain {
  /// Starts or stops noting what is written; starting forgets what was noted.
  func setDirtyTracking(_ isOn: Bool) {
    switch storage {
    case .radix(let table): table.setDirtyTracking(isOn)
    case .mock(let domain): domain.setDirtyTracking(isOn)
    }
  }

  /// Tells the dirty pages of a mapped range.
  func forEachDirtyPage(
    _ range: ClosedRange<UInt64>, clearing: Bool, _ visit: (UInt64, UInt64) -> Void
  ) {
    switch storage {
    case .radix(let table):
      let first = range.lowerBound & ~Page.mask
      let byteCount = (range.upperBound | Page.mask) - first + 1
      // The range is mapped, so it is inside of what the table can translate.
      _ = try? table.forEachDirtyPage(
        from: IOVA(first), byteCount: byteCount, clearing: clearing
      ) { visit($0.rawValue, Page.size) }
    case .mock(let domain): domain.forEachDirtyPage(range, clearing: clearing, visit)
    }
  }
}

/// The bits that `IOMMU_HWPT_GET_DIRTY_BITMAP` sets in the caller's memory.
///
/// Bits are numbered from the request's first address, not from 0 as the header says: Linux 7.2 does
/// so. A place that cannot be written is skipped, and the request succeeds all the same.
private struct DirtyBitmap {
  let address: UInt64
  let start: UInt64
  let bitSize: UInt64
  let memory: any CallerMemory
  private var word: UInt64 = 0
  private var wordIndex: UInt64 = .max

  init(address: UInt64, start: UInt64, bitSize: UInt64, memory: any CallerMemory) {
    self.address = address
    self.start = start
    self.bitSize = bitSize
    self.memory = memory
  }

  /// Sets the bits of a page.
  mutating func set(_ page: UInt64, _ size: UInt64, last: UInt64) {
    let low = max(page, start)
    let high = min(page + (size - 1), last)
    guard low <= high else { return }
    var bit = (low - start) / bitSize
    let lastBit = (high - start) / bitSize
    while bit <= lastBit {
      if bit >> 6 != wordIndex {
        flush()
        wordIndex = bit >> 6
      }
      word |= 1 << (bit & 63)
      bit += 1
    }
  }

  /// Adds the word to the caller's.
  mutating func flush() {
    guard wordIndex != .max, word != 0 else { return }
    let place = address &+ wordIndex &* 8
    if var old = try? memory.load(BitmapWord.self, at: place) {
      old.bits |= word
      try? memory.store(old, at: place)
    }
    word = 0
  }
}

/// Eight bytes of a bitmap.
private struct BitmapWord: WireStructure {
  var bits: UInt64 = 0

  init() {}
}
