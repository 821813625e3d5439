import Hardware

/// The side of a paging table that changes it; readers see each single entry change at once.
struct PagingWriter: ~Copyable {
  private(set) var blocks = TableBlocks()
  private(set) var mappedPages = 0
  /// Tables that are empty and unreachable, but that a walk may still be in.
  private var retired: [UInt64] = []
  let root: UInt64
  private let topShift: UInt64
  private let hasLargeLeaves: Bool

  init(levels: Int, hasLargeLeaves: Bool) {
    self.hasLargeLeaves = hasLargeLeaves
    topShift = UInt64(12 + 9 * (levels - 1))
    root = blocks.take()
  }

  /// Maps pages one after the other, in the largest leaves that fit.
  ///
  /// - Returns: The address of a page that was mapped before, in which case nothing has changed.
  mutating func map(_ first: UInt64, _ byteCount: UInt64, _ entry: UInt64) -> UInt64? {
    let end = first + byteCount
    var (address, leaf) = (first, entry)
    while address < end {
      let path = path(to: address, end - address)
      var index = address >> path.shift & 511
      // At least one: a large leaf in the way may be larger than what is left.
      let count = min(512 - index, max(1, (end - address) >> path.shift))
      let stop = index + count
      var found: UInt64 = 0
      while index < stop {
        let place = path.table | index << 3
        found = HostMemory.load(place)
        guard found == 0 else { break }
        HostMemory.store(leaf, at: place)
        index += 1
        leaf += 1 << path.shift
      }
      let done = count - (stop - index)
      add(Int(done), at: path.parent)
      mappedPages += Int(done << (path.shift - 12))
      address += done << path.shift
      // A table in the way of large leaves may have room for small ones.
      if found != 0, found & PagingEntry.inner == 0 {
        // Taking away what was just added. The table with the page in the way was there before.
        if address > first { unmap(first, address - 1) }
        return address
      }
    }
    return nil
  }

  /// Removes what is mapped in a range, both ends included.
  @discardableResult
  mutating func unmap(_ first: UInt64, _ last: UInt64) -> Int {
    let (removed, _) = remove(root, topShift, first, last)
    mappedPages -= removed
    return removed
  }

  mutating func reclaim() {
    for table in retired { blocks.give(table) }
    retired.removeAll(keepingCapacity: retired.count < 4096)
    blocks.shrink(keeping: root)
  }

  /// Visits the dirty pages of a range, both ends included.
  ///
  /// - Returns: The first page that was not looked at because of a gap.
  func dirty(
    _ first: UInt64, _ last: UInt64, clearing: Bool, untilGap: Bool, _ visit: (IOVA) -> Void
  ) -> UInt64? {
    scan(root, topShift, first, last, clearing, untilGap, visit)
  }

  /// The table that a leaf of an address belongs into, made if needed, the entry that leads to it, and
  /// the leaf's size as a power of two; or the table with a large leaf that is there.
  private mutating func path(
    to address: UInt64, _ byteCount: UInt64
  ) -> (table: UInt64, parent: UInt64, shift: UInt64) {
    var shift = topShift
    var table = root
    var parent: UInt64 = 0
    while shift > 12 {
      let place = table | (address >> shift & 511) << 3
      let entry = HostMemory.load(place)
      if PagingEntry(rawValue: entry).isLarge { break }
      if entry == 0 {
        let size = 1 << shift as UInt64
        if hasLargeLeaves, shift <= Self.largestShift, address & (size - 1) == 0, byteCount >= size
        {
          break
        }
        table = blocks.take()
        HostMemory.store(PagingEntry(table: table, used: 0).rawValue, at: place)
        add(1, at: parent)
      } else {
        table = entry & PagingEntry.addressMask
      }
      parent = place
      shift -= 9
    }
    return (table, parent, shift)
  }

  /// 1 GiB, the largest leaf.
  private static var largestShift: UInt64 { 30 }

  /// Makes one leaf many, each of the next smaller size.
  private mutating func split(_ place: UInt64, _ shift: UInt64) {
    let step = shift - 9
    let leaf = HostMemory.load(place)
    let table = blocks.take()
    for index in 0..<512 as Range<UInt64> {
      HostMemory.store(leaf &+ (index << step), at: table | index << 3)
    }
    // Whoever walks finds the same page by either.
    HostMemory.store(PagingEntry(table: table, used: 512).rawValue, at: place)
  }

  /// Counts entries of the table that the inner entry at `place` leads to; the root's nobody counts.
  private func add(_ count: Int, at place: UInt64) {
    guard place != 0, count != 0 else { return }
    HostMemory.store(
      HostMemory.load(place) &+ UInt64(bitPattern: Int64(count) << 52), at: place)
  }

  /// Removes the pages of a range below one table.
  ///
  /// - Returns: How many pages, and how many entries of this table itself.
  private mutating func remove(
    _ table: UInt64, _ shift: UInt64, _ first: UInt64, _ last: UInt64
  ) -> (leaves: Int, entries: Int) {
    let (from, to) = (first >> shift & 511, last >> shift & 511)
    var (leaves, entries) = (0, 0)
    for index in from...to {
      let place = table | index << 3
      var entry = PagingEntry(rawValue: HostMemory.load(place))
      guard entry.rawValue != 0 else { continue }
      if shift == 12 {
        HostMemory.store(0, at: place)
        (leaves, entries) = (leaves + 1, entries + 1)
        continue
      }
      let mask = (1 << shift) - 1 as UInt64
      let low = index == from ? first & mask : 0
      let high = index == to ? last & mask : mask
      if entry.isLarge {
        if low == 0, high == mask {
          HostMemory.store(0, at: place)
          (leaves, entries) = (leaves + (1 << Int(shift - 12)), entries + 1)
          continue
        }
        split(place, shift)
        entry = PagingEntry(rawValue: HostMemory.load(place))
      }
      let (below, gone) = remove(entry.table, shift - 9, low, high)
      leaves += below
      if entry.used == gone {
        HostMemory.store(0, at: place)
        retired.append(entry.table)
        entries += 1
      } else {
        add(-gone, at: place)
      }
    }
    return (leaves, entries)
  }

  private func scan(
    _ table: UInt64, _ shift: UInt64, _ first: UInt64, _ last: UInt64, _ clearing: Bool,
    _ untilGap: Bool, _ visit: (IOVA) -> Void
  ) -> UInt64? {
    let mask = (1 << shift) - 1 as UInt64
    var address = first
    while true {
      let place = table | (address >> shift & 511) << 3
      let end = min(last, address | mask)
      let entry = HostMemory.load(place)
      if entry == 0 {
        if untilGap { return address }
      } else if entry & PagingEntry.inner != 0 {
        let below = entry & PagingEntry.addressMask
        if let gap = scan(below, shift - 9, address, end, clearing, untilGap, visit) { return gap }
      } else if entry & PagingEntry.dirty != 0 {
        if clearing { clear(place, entry) }
        visit(IOVA(address))
      }
      if end == last { return nil }
      address = end + 1
    }
  }

  /// Clears the dirty bit; only the bit itself can change meanwhile, and it is set already.
  private func clear(_ place: UInt64, _ entry: UInt64) {
    HostMemory.store(entry & ~(PagingEntry.dirty | PagingEntry.accessed), at: place)
  }
}
