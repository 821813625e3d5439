import HostABI
import HostSystem

/// The pages behind one MAP request; copies of the mapping share them.
///
/// Nothing is pinned until a page table needs it. What several mappings need at once is pinned, and
/// charged, once.
final class Pages {
  /// Where the pages are.
  enum Source {
    /// Pages of a program's memory, from a page-aligned address.
    case user(any CallerMemory, UInt64)
    /// Pages of a memfd, from a page-aligned offset.
    case file(MemoryFile, UInt64)
    /// Memory of a dma-buf, from a page-aligned offset.
    case buffer(AnonymousMemory, UInt64)
    /// A file whose pages devices cannot have, from a page-aligned offset.
    case unusable(UInt64)
  }

  /// Part of the pages, held for devices; who needs less of them than is held shares it.
  struct Held {
    let firstPage: Int
    let pageCount: Int
    let pages: PinnedPages
    fileprivate var uses = 1

    fileprivate func covers(_ range: Range<Int>) -> Bool {
      firstPage <= range.lowerBound && firstPage + pageCount >= range.upperBound
    }
  }

  /// Says which held part an area uses: 0 is the first one, which nearly always is the only one.
  struct Pin { fileprivate let number: UInt32 }

  let source: Source
  /// Where in the first page the first byte stands.
  let pageOffset: UInt64
  let byteCount: UInt64
  /// Whether devices may be allowed to write.
  let isWritable: Bool
  /// Who is charged for pinned pages, if anyone is.
  var charged: Charge?
  /// Whose pinned pages they count as (`VmPin`), charged or not.
  var counted: PinCount?
  /// Whether regions of devices count as memory: a type 1 container maps them, iommufd does not.
  var mayBeRegion = false
  /// Whether the exporter has taken the pages back; page tables show nothing of them then.
  var isRevoked = false

  private var first: Held?
  /// Parts that the first does not cover, by their number.
  private var others: [UInt32: Held] = [:]
  private var lastNumber: UInt32 = 0
  private var holds = PageHolds()

  init(
    _ source: Source, pageOffset: UInt64, byteCount: UInt64, isWritable: Bool, charged: Charge?
  ) {
    self.source = source
    self.pageOffset = pageOffset
    self.byteCount = byteCount
    self.isWritable = isWritable
    self.charged = charged
  }

  /// What automatic placement aligns to: the user address, or the offset in the file.
  var address: UInt64 {
    switch source {
    case .user(_, let page): page &+ pageOffset
    case .file(_, let page): page &+ pageOffset
    case .buffer(_, let page): page &+ pageOffset
    case .unusable(let page): page &+ pageOffset
    }
  }

  /// Whether the pages were mapped by file and can change hands between processes.
  var isFile: Bool {
    switch source {
    case .user, .buffer: false
    case .file, .unusable: true
    }
  }

  /// Whether only devices can have the pages, and no user without page table.
  var isForDevicesOnly: Bool {
    if case .buffer = source { true } else { false }
  }

  /// The host addresses of the pages that are held, ascending and apart.
  var heldRanges: [ClosedRange<UInt64>] {
    var ranges: [ClosedRange<UInt64>] = []
    for held in [first].compactMap({ $0 }) + others.values {
      var page = held.firstPage
      for extent in held.pages.extents {
        for held in holds.held(in: page..<page + extent.pageCount) {
          let start = extent.address + UInt64(held.lowerBound - page) << 12
          ranges.append(start...(start + UInt64(held.count) << 12 - 1))
        }
        page += extent.pageCount
      }
    }
    ranges.sort { $0.lowerBound < $1.lowerBound }
    var merged: [ClosedRange<UInt64>] = []
    for range in ranges {
      guard let last = merged.last, last.upperBound >= range.lowerBound else {
        merged.append(range)
        continue
      }
      merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
    }
    return merged
  }

  /// Holds the pages of some bytes.
  ///
  /// - Throws: `EFAULT` for absent or unwritable memory, `EINVAL` for a file that has no such pages,
  ///   `ENOMEM` beyond the limit on locked memory.
  func pin(from offset: UInt64, byteCount: UInt64) throws(LinuxErrno) -> Pin {
    let range = pageRange(from: offset, byteCount: byteCount)
    if let number = number(covering: range) {
      try charge(range)
      if number == 0 { first?.uses += 1 } else { others[number]?.uses += 1 }
      return Pin(number: number)
    }
    let pages = try hold(range.lowerBound, range.count)
    try charge(range)
    let held = Held(firstPage: range.lowerBound, pageCount: range.count, pages: pages)
    guard first != nil else {
      first = held
      return Pin(number: 0)
    }
    repeat { lastNumber &+= 1 } while lastNumber == 0 || others[lastNumber] != nil
    others[lastNumber] = held
    return Pin(number: lastNumber)
  }

  private func charge(_ range: Range<Int>) throws(LinuxErrno) {
    let new = holds.newPages(in: range)
    try charged?.add(new)
    counted?.pageCount += new
    holds.add(range)
  }

  /// What a pin holds.
  func held(by pin: Pin) -> Held {
    guard let held = pin.number == 0 ? first : others[pin.number] else {
      preconditionFailure("a pin that was let go")
    }
    return held
  }

  /// Lets pages go that ``pin(from:byteCount:)`` held for the same bytes.
  func unpin(_ pin: Pin, from offset: UInt64, byteCount: UInt64) {
    let left = holds.remove(pageRange(from: offset, byteCount: byteCount))
    charged?.remove(left)
    counted?.pageCount -= left
    if pin.number == 0 {
      first?.uses -= 1
      if first?.uses == 0 { first = nil }
    } else {
      others[pin.number]?.uses -= 1
      if others[pin.number]?.uses == 0 { others[pin.number] = nil }
    }
  }

  /// How many different pages are held.
  var pinnedPageCount: Int { holds.pageCount }

  private func pageRange(from offset: UInt64, byteCount: UInt64) -> Range<Int> {
    Int((pageOffset + offset) >> 12)..<Int((pageOffset + offset + (byteCount - 1)) >> 12) + 1
  }

  /// The number of a held part that has all pages of a range.
  private func number(covering range: Range<Int>) -> UInt32? {
    if let first, first.covers(range) { return 0 }
    return others.first { $0.value.covers(range) }?.key
  }

  private func hold(_ first: Int, _ count: Int) throws(LinuxErrno) -> PinnedPages {
    switch source {
    case .user(let memory, let start):
      let from = start &+ UInt64(first) << 12
      // Linux adds page and length before it looks, at most 8,192 pages at a time; no program has
      // the last page, and it is the one answer of its own.
      if count <= 8192, from.addingReportingOverflow(UInt64(count) << 12).overflow {
        throw .EOVERFLOW
      }
      do { return try memory.pin(from, pageCount: count, writable: isWritable) } catch {
        guard mayBeRegion, error == .EFAULT else { throw error }
        return try memory.pinRegion(from, pageCount: count)
      }
    case .file(let file, let start):
      // The last byte's offset does not wrap, but the end of its page may.
      let from = start + UInt64(first) << 12
      let end = (UInt64(file.byteCount) + Page.mask) & ~Page.mask
      guard from <= end, UInt64(count) <= (end - from) >> 12 else { throw .EINVAL }
      return PinnedPages(
        .init(address: file.memory.address + from, pageCount: count), keptBy: file.memory)
    case .buffer(let memory, let start):
      // The size was checked when the buffer was mapped.
      return PinnedPages(
        .init(address: memory.address + start + UInt64(first) << 12, pageCount: count),
        keptBy: memory)
    case .unusable: throw .EINVAL
    }
  }
}

/// How many pages of a program's are pinned.
final class PinCount {
  var pageCount = 0
}

/// Who pays for pinned pages: a user or a process, up to a limit.
final class Charge {
  /// Pages charged.
  private(set) var pageCount = 0
  /// The most pages that may be charged.
  var limit: Int

  init(limit: Int) { self.limit = limit }

  /// Charges pages; `ENOMEM` beyond the limit, and nothing is charged then.
  func add(_ count: Int) throws(LinuxErrno) {
    // Another program of the user may have a lower limit; what is charged already stays, and pages
    // of it can be held once more.
    guard count <= 0 || count <= limit - pageCount else { throw .ENOMEM }
    pageCount += count
  }

  /// Takes a charge back.
  func remove(_ count: Int) { pageCount -= count }
}
