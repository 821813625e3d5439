import Hardware

/// The side of a paging table that changes it; readers see each single entry change at once.
struct PagingWriter: ~Copyable {
  private(set) var blocks = TableBlocks()
  private(set) var mappedPages = 0
  /// Tables that are empty and unreachable, but that a walk may still be in.
  private var retired: [UInt64] = []
  let root: UInt64
  private let topShift: UInt64

  init(levels: Int) {
    topShift = UInt64(12 + 9 * (levels - 1))
    root = blocks.take()
  }

  /// Maps pages one after the other.
  ///
  /// - Returns: The address of a page that was mapped before, in which case nothing has changed.
  mutating func map(_ first: UInt64, _ byteCount: UInt64, _ entry: UInt64) -> UInt64? {
    let end = first + byteCount
    var (address, leaf) = (first, entry)
    while address < end {
      let path = path(to: address)
      var index = address >> 12 & 511
      let count = min(512 - index, (end - address) >> 12)
      let stop = index + count
      while index < stop {
        let place = path.table | index << 3
        guard HostMemory.load(place) == 0 else { break }
        HostMemory.store(leaf, at: place)
        index += 1
        leaf += 4096
      }
      let done = count - (stop - index)
      add(Int(done), at: path.parent)
      mappedPages += Int(done)
      address += done << 12
      if index < stop {
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
    retired.removeAll(keepingCapacity: true)
  }

  /// Visits the dirty pages of a range, both ends included.
  ///
  /// - Returns: The first page that was not looked at because of a gap.
  func dirty(
    _ first: UInt64, _ last: UInt64, clearing: Bool, untilGap: Bool, _ visit: (IOVA) -> Void
  ) -> UInt64? {
    scan(root, topShift, first, last, clearing, untilGap, visit)
  }

  /// The leaf table of an address and the entry that leads to it, made if needed.
  private mutating func path(to address: UInt64) -> (table: UInt64, parent: UInt64) {
    var shift = topShift
    var table = root
    var parent: UInt64 = 0
    while shift > 12 {
      let place = table | (address >> shift & 511) << 3
      let entry = HostMemory.load(place)
      if entry == 0 {
        table = blocks.take()
        HostMemory.store(PagingEntry(table: table, used: 0).rawValue, at: place)
        add(1, at: parent)
      } else {
        table = entry & PagingEntry.addressMask
      }
      parent = place
      shift -= 9
    }
    return (table, parent)
  }

  /// Counts entries of the table that the inner entry at `place` leads to; the root's nobody counts.
  private func add(_ count: Int, at place: UInt64) {
    guard place != 0, count != 0 else { return }
    HostMemory.store(
      HostMemory.load(place) &+ UInt64(bitPattern: Int64(count) << 52), at: place)
  }

  /// Removes the leaves of a range below one table.
  ///
  /// - Returns: How many leaves, and how many entries of this table itself.
  private mutating func remove(
    _ table: UInt64, _ shift: UInt64, _ first: UInt64, _ last: UInt64
  ) -> (leaves: Int, entries: Int) {
    let (from, to) = (first >> shift & 511, last >> shift & 511)
    var (leaves, entries) = (0, 0)
    for index in from...to {
      let place = table | index << 3
      let entry = PagingEntry(rawValue: HostMemory.load(place))
      guard entry.rawValue != 0 else { continue }
      if shift == 12 {
        HostMemory.store(0, at: place)
        (leaves, entries) = (leaves + 1, entries + 1)
        continue
      }
      let mask = (1 << shift) - 1 as UInt64
      let low = index == from ? first & mask : 0
      let high = index == to ? last & mask : mask
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
      } else if shift > 12 {
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
