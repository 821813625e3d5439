package import HostABI
package import HostSystem
import Synchronization

/// The memory of a program that runs in this process.
///
/// Addresses are real ones, but only what was given out here is reached: any other address answers
/// `EFAULT`. Pages that a device holds stay alive after they were released, as pinned pages do.
package final class ProcessMemory: CallerMemory {
  /// Pages with one protection, backed by part of a mapping.
  struct Region {
    var start: UInt64
    var last: UInt64
    var protection: MemoryProtection
    let backing: AnonymousMemory
    /// The address of the region's first byte in the backing.
    var offset: Int
    /// What lives as long as the region.
    var keeper: DriverMapping?

    var isReadable: Bool { !protection.isEmpty }
    var isWritable: Bool { protection.contains(.write) }
  }

  /// Ascending and disjoint; the lock protects only the list.
  private let regions = Mutex<[Region]>([])

  package init() {}

  package func read(_ address: UInt64, into bytes: inout MutableRawSpan) -> Bool {
    let count = bytes.byteCount
    if count == 0 { return true }
    return regions.withLock { regions in
      guard let first = Self.index(of: address, in: regions), regions[first].isReadable else {
        return false
      }
      var offset = regions[first].offset + Int(address - regions[first].start)
      var room = regions[first].last - address
      if UInt64(count - 1) <= room {
        // Nearly always one region has it all.
        regions[first].backing.read(at: offset, into: &bytes)
        return true
      }
      var index = first
      var done = 0
      while true {
        let part = min(count - done, Int(clamping: room) + 1)
        var piece = bytes._mutatingExtracting(done..<done + part)
        regions[index].backing.read(at: offset, into: &piece)
        done += part
        if done == count { return true }
        index += 1
        guard Self.follows(index, in: regions), regions[index].isReadable else { return false }
        offset = regions[index].offset
        room = regions[index].last - regions[index].start
      }
    }
  }

  package func write(_ bytes: RawSpan, to address: UInt64) -> Bool {
    let count = bytes.byteCount
    if count == 0 { return true }
    return regions.withLock { regions in
      guard let first = Self.index(of: address, in: regions), regions[first].isWritable else {
        return false
      }
      var offset = regions[first].offset + Int(address - regions[first].start)
      var room = regions[first].last - address
      if UInt64(count - 1) <= room {
        regions[first].backing.write(bytes, at: offset)
        return true
      }
      // Nothing is written unless all can be.
      guard Self.isWritable(address, count, from: first, in: regions) else { return false }
      var index = first
      var done = 0
      while true {
        let part = min(count - done, Int(clamping: room) + 1)
        regions[index].backing.write(bytes.extracting(done..<done + part), at: offset)
        done += part
        if done == count { return true }
        index += 1
        offset = regions[index].offset
        room = regions[index].last - regions[index].start
      }
    }
  }

  /// Whether a region starts where the one before ends.
  private static func follows(_ index: Int, in regions: [Region]) -> Bool {
    index < regions.count && regions[index].start == regions[index - 1].last &+ 1
  }

  /// Whether all of some bytes can be written, of which the first is in a region.
  private static func isWritable(
    _ address: UInt64, _ count: Int, from first: Int, in regions: [Region]
  ) -> Bool {
    var index = first
    while regions[index].isWritable {
      // Regions lie one after the other, so this one reaches from `address` to its own end.
      if UInt64(count - 1) <= regions[index].last - address { return true }
      index += 1
      guard follows(index, in: regions) else { return false }
    }
    return false
  }

  package func pin(
    _ address: UInt64, pageCount: Int, writable: Bool
  ) throws(LinuxErrno) -> PinnedPages {
    guard pageCount > 0, pageCount <= Int.max >> 12 else { throw .EFAULT }
    // Nearly always the pages are of one mapping.
    if let (backing, offset) = span(address, pageCount << 12, writing: writable) {
      return PinnedPages(
        .init(address: backing.address + UInt64(offset), pageCount: pageCount), keptBy: backing)
    }
    let parts = try parts(address, pageCount << 12, writing: writable)
    let extents = parts.map {
      PinnedPages.Extent(address: $0.0.address + UInt64($0.1), pageCount: $0.2 >> 12)
    }
    return PinnedPages(
      extents[0], keptBy: parts[0].0, others: Array(extents.dropFirst()),
      keptBy: parts.dropFirst().map { $0.0 })
  }

  /// The one backing that holds all the bytes, or none.
  private func span(
    _ address: UInt64, _ count: Int, writing: Bool
  ) -> (AnonymousMemory, Int)? {
    let (last, wraps) = address.addingReportingOverflow(UInt64(count - 1))
    if wraps { return nil }
    return regions.withLock { regions in
      guard let index = Self.index(of: address, in: regions) else { return nil }
      let region = regions[index]
      guard last <= region.last, writing ? region.isWritable : region.isReadable else { return nil }
      return (region.backing, region.offset + Int(address - region.start))
    }
  }

  /// The backings of a range, which may cross from region to region.
  private func parts(
    _ address: UInt64, _ count: Int, writing: Bool
  ) throws(LinuxErrno) -> [(AnonymousMemory, Int, Int)] {
    let (last, wraps) = address.addingReportingOverflow(UInt64(count - 1))
    if wraps { throw .EFAULT }
    let parts: [(AnonymousMemory, Int, Int)]? = regions.withLock { regions in
      var parts: [(AnonymousMemory, Int, Int)] = []
      var at = address
      while true {
        guard let index = Self.index(of: at, in: regions) else { return nil }
        let region = regions[index]
        guard writing ? region.isWritable : region.isReadable else { return nil }
        let end = min(last, region.last)
        parts.append((region.backing, region.offset + Int(at - region.start), Int(end - at) + 1))
        if end == last { return parts }
        at = end + 1
      }
    }
    guard let parts else { throw .EFAULT }
    return parts
  }

  /// The index of the region that holds an address.
  private static func index(of address: UInt64, in regions: [Region]) -> Int? {
    var low = 0
    var high = regions.count
    while low < high {
      let middle = (low + high) / 2
      if regions[middle].last < address { low = middle + 1 } else { high = middle }
    }
    guard low < regions.count, regions[low].start <= address else { return nil }
    return low
  }
}

extension ProcessMemory {
  /// Maps fresh pages.
  package func allocate(_ byteCount: Int, _ protection: MemoryProtection) throws(LinuxErrno)
    -> UInt64
  {
    guard let backing = try? AnonymousMemory(byteCount: byteCount) else {
      throw byteCount > 0 ? .ENOMEM : .EINVAL
    }
    return map(backing, offset: 0, backing.byteCount, protection)
  }

  /// Shows all of a backing at its own address.
  ///
  /// Two views of one backing would overlap, so a second one takes the place of the first.
  package func show(
    _ backing: AnonymousMemory, _ protection: MemoryProtection
  ) -> UInt64 { map(backing, offset: 0, backing.byteCount, protection) }

  /// Shows part of a backing at its own address.
  func map(
    _ backing: AnonymousMemory, offset: Int, _ byteCount: Int, _ protection: MemoryProtection,
    keeping keeper: DriverMapping? = nil
  ) -> UInt64 {
    let start = backing.address + UInt64(offset)
    let region = Region(
      start: start, last: start + UInt64(byteCount) - 1, protection: protection, backing: backing,
      offset: offset, keeper: keeper)
    regions.withLock { regions in
      Self.cut(start, region.last, out: &regions)
      let index = regions.firstIndex { $0.start > start } ?? regions.count
      regions.insert(region, at: index)
    }
    return start
  }

  /// Changes the protection of pages; `ENOMEM` when some are absent, as `mprotect(2)` says.
  package func protect(
    _ address: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) {
    let last = try Self.last(address, byteCount)
    let isWhole = regions.withLock { regions in
      let found = Self.cut(address, last, out: &regions)
      for var part in found {
        part.protection = protection
        let index = regions.firstIndex { $0.start > part.start } ?? regions.count
        regions.insert(part, at: index)
      }
      return found.reduce(0) { $0 + ($1.last - $1.start + 1) } == last - address + 1
    }
    if !isWhole { throw .ENOMEM }
  }

  /// Unmaps pages; absent ones are no error.
  package func release(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) {
    let last = try Self.last(address, byteCount)
    // The backings go away outside of the lock.
    _ = regions.withLock { Self.cut(address, last, out: &$0) }
  }

  private static func last(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) -> UInt64 {
    guard address & Page.mask == 0, byteCount > 0 else { throw .EINVAL }
    let whole = (UInt64(byteCount) &+ Page.mask) & ~Page.mask
    let (last, wraps) = address.addingReportingOverflow(whole &- 1)
    if wraps { throw .EINVAL }
    return last
  }

  /// Takes a range of addresses out of the list, splitting what it cuts.
  @discardableResult
  private static func cut(
    _ start: UInt64, _ last: UInt64, out regions: inout [Region]
  ) -> [Region] {
    var removed: [Region] = []
    var kept: [Region] = []
    kept.reserveCapacity(regions.count + 1)
    for region in regions {
      guard region.start <= last, region.last >= start else {
        kept.append(region)
        continue
      }
      var inner = region
      if region.start < start {
        var below = region
        below.last = start - 1
        kept.append(below)
        inner.offset += Int(start - region.start)
        inner.start = start
      }
      if region.last > last {
        inner.last = last
        var above = region
        above.offset += Int(last + 1 - region.start)
        above.start = last + 1
        kept.append(above)
      }
      removed.append(inner)
    }
    regions = kept
    return removed
  }
}
