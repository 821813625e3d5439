public import Hardware
import Synchronization

/// A paging domain that the host owns: a radix table from IOVA to pinned pages, 4 KiB each.
///
/// One that is made for it keeps 2 MiB or 1 GiB in one leaf where the IOVA allows it. That shows in
/// nothing but time and memory: pages are mapped, translated and removed as if each had its own.
///
/// Any number of threads translate while one thread at a time changes the table; changes take a lock
/// among themselves, readers none. An entry that was removed may still be in use by a DMA, in the
/// caches of units, or both, so taking pages away is five steps of the caller:
///
/// 1. ``unmap(_:byteCount:)`` here;
/// 2. ``IOTLB/invalidate(tag:)`` or its likes on every unit, for every tag that leads here, which
///    includes those of the nested tables on top;
/// 3. ``TranslationUnit/drain()`` on every such unit;
/// 4. now nobody uses the pages: unpin them;
/// 5. ``reclaim()`` gives back tables that have become empty, with the same drain as its reason.
///
/// Nested tables read guest tables through this one and set its dirty bits on the way.
public final class PagingTable: Sendable {
  /// How many levels there are: 3, 4 or 5.
  public let levels: Int
  /// Whose fault codes a request that goes through this table alone gets.
  public let dialect: FaultDialect
  /// Who answers for pages of other spaces, if anyone.
  package let foreign: (any ForeignMemory)?
  /// Whether there may be leaves of 2 MiB and 1 GiB; then no writes are noted.
  let hasLargeLeaves: Bool
  let root: UInt64
  let topShift: UInt64
  let isTracking = Atomic<Bool>(false)
  private let writer: Mutex<PagingWriter>

  /// Makes an empty table.
  ///
  /// - Parameters:
  ///   - levels: 3, 4 or 5, for input addresses of 39, 48 or 57 bits; anything else is a bug and
  ///     traps.
  ///   - dialect: Whose fault codes a request that goes through this table alone gets.
  ///   - foreign: Who answers for pages of spaces other than 0.
  ///   - hasLargeLeaves: Whether there may be leaves of 2 MiB and 1 GiB; then writes cannot be noted.
  public init(
    levels: Int = 4, dialect: FaultDialect = .vtd, foreign: (any ForeignMemory)? = nil,
    hasLargeLeaves: Bool = false
  ) {
    precondition((3...5).contains(levels), "a paging table has 3, 4 or 5 levels")
    let writer = PagingWriter(levels: levels, hasLargeLeaves: hasLargeLeaves)
    self.hasLargeLeaves = hasLargeLeaves
    self.levels = levels
    self.dialect = dialect
    self.foreign = foreign
    root = writer.root
    topShift = UInt64(12 + 9 * (levels - 1))
    self.writer = Mutex(writer)
  }

  /// How many bits an input address has: 39, 48 or 57.
  public var inputWidth: Int { 12 + 9 * levels }

  /// How many pages are mapped.
  public var mappedPages: Int { writer.withLock { $0.mappedPages } }

  /// How many 4 KiB blocks the table itself takes, those that wait for ``reclaim()`` included.
  public var tableBlocks: Int { writer.withLock { $0.blocks.live } }

  /// Maps pages.
  ///
  /// Everything is mapped, or nothing. Caches hold no entries for what was not mapped, so nothing
  /// needs to be invalidated.
  ///
  /// - Parameters:
  ///   - iova: The first address, a multiple of 4 KiB.
  ///   - byteCount: How many bytes, a multiple of 4 KiB.
  ///   - page: The first page, a multiple of 4 KiB; the others follow it in the same space. The
  ///     promise of ``HostAddress`` goes with it.
  ///   - access: Reading, writing, or both.
  /// - Throws: ``PagingError``; the table is as before.
  /// - Complexity: O(leaves).
  public func map(
    _ iova: IOVA, byteCount: UInt64, to page: HostAddress, allowing access: DMAAccess
  ) throws(PagingError) {
    try check(iova, byteCount)
    guard page.rawValue & 0xFFF == 0 else { throw .misaligned }
    guard !access.isDisjoint(with: [.read, .write]) else { throw .noAccess }
    guard byteCount <= 1 << 52 - page.address else { throw .outsideHost }
    let overlap = writer.withLock {
      $0.map(iova.rawValue, byteCount, PagingEntry(page: page, allowing: access).rawValue)
    }
    if let overlap { throw .overlaps(IOVA(overlap)) }
  }

  /// Removes the pages of a range; what is not mapped is skipped.
  ///
  /// - Parameters:
  ///   - iova: The first address, a multiple of 4 KiB.
  ///   - byteCount: How many bytes, a multiple of 4 KiB.
  /// - Returns: How many pages were removed.
  /// - Throws: ``PagingError`` when the range is misaligned or too wide.
  /// - Complexity: O(leaves), whole absent subtrees count as one.
  @discardableResult
  public func unmap(_ iova: IOVA, byteCount: UInt64) throws(PagingError) -> Int {
    try check(iova, byteCount)
    return writer.withLock { $0.unmap(iova.rawValue, iova.rawValue + (byteCount - 1)) }
  }

  /// Gives back tables that ``unmap(_:byteCount:)`` left empty, and nearly all of their memory to the
  /// allocator when nothing is mapped any more.
  ///
  /// Call it only when every unit that can reach this table has drained since: a walk may otherwise
  /// be inside such a table.
  public func reclaim() { writer.withLock { $0.reclaim() } }

  /// The page that an address is mapped to, without any effect on the table.
  ///
  /// - Parameter iova: Any address.
  /// - Returns: The byte's host address and what is allowed, or `nil` when nothing is mapped there.
  public func mapping(at iova: IOVA) -> (address: HostAddress, access: DMAAccess)? {
    guard iova.rawValue >> UInt64(inputWidth) == 0 else { return nil }
    let entry = leaf(iova.rawValue)
    guard entry != 0 else { return nil }
    return (
      HostAddress(rawValue: entry & TranslationWord.hostMask | iova.rawValue & 0xFFF),
      DMAAccess(rawValue: UInt8(truncatingIfNeeded: entry & 3))
    )
  }

  /// Starts or stops noting which pages are written; starting forgets what was noted before.
  ///
  /// After starting, invalidate the tags that lead here: cached translations that allow writing note
  /// nothing.
  ///
  /// - Parameter isOn: Whether writes are noted from now on. In a table with large leaves, which has
  ///   one bit for many pages, that is a bug and traps.
  public func setDirtyTracking(_ isOn: Bool) {
    precondition(!isOn || !hasLargeLeaves, "a table with large leaves notes no writes")
    writer.withLock { writer in
      if isOn { _ = writer.dirty(0, lastAddress, clearing: true, untilGap: false) { _ in } }
      isTracking.store(isOn, ordering: .sequentiallyConsistent)
    }
  }

  /// Tells which pages of a range were written, in ascending order.
  ///
  /// After clearing, invalidate the tags that lead here and drain before anybody reads the pages:
  /// cached translations that allow writing note nothing.
  ///
  /// - Parameters:
  ///   - iova: The first address, a multiple of 4 KiB.
  ///   - byteCount: How many bytes, a multiple of 4 KiB.
  ///   - clearing: Whether the notes are forgotten.
  ///   - untilGap: Whether to end at the first page that is not mapped.
  ///   - visit: Gets the address of each page that was written; it must not call this table.
  /// - Returns: The first page that was not looked at; the end of the range if there was no gap.
  /// - Throws: ``PagingError`` when the range is misaligned or too wide.
  @discardableResult
  public func forEachDirtyPage(
    from iova: IOVA, byteCount: UInt64, clearing: Bool, untilGap: Bool = false,
    _ visit: (IOVA) -> Void
  ) throws(PagingError) -> IOVA {
    try check(iova, byteCount)
    let last = iova.rawValue + (byteCount - 1)
    return writer.withLock {
      IOVA($0.dirty(iova.rawValue, last, clearing: clearing, untilGap: untilGap, visit) ?? last + 1)
    }
  }

  private var lastAddress: UInt64 { (1 << UInt64(inputWidth)) - 1 }

  private func check(_ iova: IOVA, _ byteCount: UInt64) throws(PagingError) {
    guard (iova.rawValue | byteCount) & 0xFFF == 0, byteCount > 0 else { throw .misaligned }
    guard iova.rawValue <= lastAddress, byteCount - 1 <= lastAddress - iova.rawValue else {
      throw .outsideInput
    }
  }
}

/// Whose fault codes a paging table speaks.
public enum FaultDialect: Hashable, Sendable {
  /// VT-d second stage.
  case vtd
  /// SMMUv3 stage 2.
  case smmuv3
}

/// Why a paging table refuses a change.
public enum PagingError: Error, Hashable, Sendable {
  /// An address or a length is no multiple of 4 KiB, or the length is zero.
  case misaligned
  /// The range is wider than the levels take.
  case outsideInput
  /// The pages would end above 2^52 of their space.
  case outsideHost
  /// Neither reading nor writing is allowed.
  case noAccess
  /// This page is mapped already.
  case overlaps(IOVA)
}
