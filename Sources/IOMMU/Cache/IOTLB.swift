public import Hardware
import Synchronization

/// A unit's cache of translations, 4 KiB each.
///
/// As in hardware, an entry stays until it is invalidated or needs to make room, whatever happens to
/// the tables meanwhile. Lookups take no lock and write nothing. Invalidations may come from any
/// thread; when one returns, no lookup that starts later finds what it covers, and no walk that
/// began earlier will put it back.
///
/// Sets of four entries. Each entry is guarded by a sequence number; whole tags (and PASIDs, ASIDs)
/// go by a change of the generation that their entries must carry; ranges go entry by entry.
public final class IOTLB: Sendable {
  // An entry is four words: generation and sequence (bit 0 set while it is written), key, page,
  // translation.
  private let entries: AtomicWords
  /// Counts the invalidations in each set; a walk that saw another count is not installed.
  private let setCounts: AtomicWords
  private let tagGenerations = AtomicWords(count: CacheKey.tagSlots)
  private let keyGenerations = AtomicWords(count: CacheKey.keySlots)
  private let setShift: UInt64
  private let sets: Int

  private static var ways: Int { 4 }
  private static var stride: Int { 16 }

  /// Makes an empty cache.
  ///
  /// - Parameter capacity: How many entries it has; rounded up to a power of two, at least 8.
  public init(capacity: Int = 4096) {
    let bits = max(1, Int.bitWidth - (max(1, capacity) - 1).leadingZeroBitCount - 2)
    sets = 1 << bits
    setShift = UInt64(64 - bits)
    entries = AtomicWords(count: sets * Self.stride)
    setCounts = AtomicWords(count: sets)
  }

  /// How many entries there can be.
  public var capacity: Int { sets * Self.ways }

  // MARK: Lookup

  @inline(__always)
  private func generation(_ key: CacheKey) -> UInt64 {
    let sum = tagGenerations.loadAcquiring(key.tagSlot) &+ keyGenerations.loadAcquiring(key.keySlot)
    return sum & 0xFFFF_FFFF
  }

  @inline(__always)
  private func set(_ key: CacheKey, _ page: UInt64) -> Int {
    Int(truncatingIfNeeded: ((page &+ key.seed) &* 0x9E37_79B9_7F4A_7C15) >> setShift)
  }

  /// The cached translation of a page.
  ///
  /// - Parameters:
  ///   - key: Whose.
  ///   - page: The address without its 12 lowest bits.
  /// - Returns: `nil` when none is cached.
  @inline(__always)
  func lookup(_ key: CacheKey, _ page: UInt64) -> TranslationWord? {
    let base = set(key, page) &* Self.stride
    let generation = generation(key)
    for way in 0..<4 {
      let at = base &+ way &* 4
      guard entries.load(at &+ 2) == page, entries.load(at &+ 1) == key.word else { continue }
      let sequence = entries.loadAcquiring(at)
      guard sequence & 1 == 0, sequence >> 32 == generation else { continue }
      let found = entries.loadAcquiring(at &+ 1)
      let foundPage = entries.loadAcquiring(at &+ 2)
      let value = entries.loadAcquiring(at &+ 3)
      // The same number again: nobody wrote between the first and the last load.
      guard entries.load(at) == sequence, found == key.word, foundPage == page else { continue }
      return TranslationWord(rawValue: value)
    }
    return nil
  }

  // MARK: Filling

  /// What a walk must know before it starts, so that its result can be installed.
  struct Ticket {
    let set: Int
    let count: UInt64
    let generation: UInt64
  }

  @inline(__always)
  func ticket(_ key: CacheKey, _ page: UInt64) -> Ticket {
    let set = set(key, page)
    return Ticket(set: set, count: setCounts.loadInOrder(set), generation: generation(key))
  }

  /// Installs what a walk found, unless an invalidation came in between.
  func install(_ word: TranslationWord, _ key: CacheKey, _ page: UInt64, _ ticket: Ticket) {
    let base = ticket.set &* Self.stride
    var victim = -1
    var turns: UInt64 = 0
    for way in 0..<4 {
      let at = base &+ way &* 4
      let header = entries.load(at)
      turns &+= (header & 0xFFFF_FFFF) >> 1
      let isSame = entries.load(at &+ 1) == key.word && entries.load(at &+ 2) == page
      if isSame {
        victim = at
        break
      }
      if entries.load(at &+ 1) == 0, victim < 0 { victim = at }
    }
    // Every installation counts one sequence number of the set on, so the sum goes round.
    if victim < 0 { victim = base &+ Int(turns & 3) &* 4 }
    let header = entries.load(victim)
    guard header & 1 == 0, entries.compareExchange(victim, header, header | 1) else { return }
    // An invalidation counts first and looks at the entries then: it sees this lock and waits, or
    // its count is seen here.
    if setCounts.loadInOrder(ticket.set) == ticket.count {
      entries.storeReleasing(key.word, at: victim &+ 1)
      entries.storeReleasing(page, at: victim &+ 2)
      entries.storeReleasing(word.rawValue, at: victim &+ 3)
      unlock(victim, header, generation: ticket.generation)
    } else {
      unlock(victim, header, generation: header >> 32)
    }
  }

  @inline(__always)
  private func unlock(_ at: Int, _ header: UInt64, generation: UInt64) {
    entries.storeReleasing(generation << 32 | (header &+ 2) & 0xFFFF_FFFE, at: at)
  }

  // MARK: Invalidation

  /// Forgets everything.
  public func invalidateAll() {
    for slot in 0..<CacheKey.tagSlots { tagGenerations.add(1, at: slot) }
  }

  /// Forgets all translations of a tag.
  ///
  /// - Parameter tag: The tag.
  /// - Complexity: O(1).
  public func invalidate(tag: UInt32) { tagGenerations.add(1, at: CacheKey.slot(ofTag: tag)) }

  /// Forgets all translations of a tag for one PASID, or those for requests without PASID.
  ///
  /// - Parameters:
  ///   - tag: The tag.
  ///   - pasid: The PASID, or `nil`.
  /// - Complexity: O(1).
  public func invalidate(tag: UInt32, pasid: PASID?) {
    let key = pasid.map { CacheKey(tag: tag, .pasid, $0.rawValue) } ?? CacheKey(tag: tag)
    keyGenerations.add(1, at: key.keySlot)
  }

  /// Forgets all translations of a tag for one ASID, as `TLBI_NH_ASID` asks.
  ///
  /// - Parameters:
  ///   - tag: The tag.
  ///   - asid: The ASID.
  /// - Complexity: O(1).
  public func invalidate(tag: UInt32, asid: UInt16) {
    keyGenerations.add(1, at: CacheKey(tag: tag, .asid, UInt32(asid)).keySlot)
  }

  /// Forgets all translations of a guest's VT-d domain for one PASID.
  ///
  /// - Parameters:
  ///   - tag: The tag of contexts whose table is ``TranslationTable/vtdGuest(_:)`` with a first stage.
  ///   - process: The PASID.
  /// - Complexity: O(1).
  public func invalidate(tag: UInt32, process: PASID) {
    keyGenerations.add(1, at: CacheKey(tag: tag, .asid, process.rawValue).keySlot)
  }

  /// Forgets the translations of a guest's VT-d domain for one PASID and a range.
  ///
  /// - Parameters:
  ///   - tag: The tag of contexts whose table is ``TranslationTable/vtdGuest(_:)`` with a first stage.
  ///   - process: The PASID.
  ///   - iova: An address in the first page.
  ///   - pageCount: How many pages of 4 KiB; what goes beyond 2^64 is nothing.
  /// - Complexity: O(pages), at most O(capacity).
  public func invalidate(tag: UInt32, process: PASID, from iova: IOVA, pageCount: UInt64) {
    let key = CacheKey(tag: tag, .asid, process.rawValue)
    remove(from: iova, pageCount, seededBy: key) { $0 == key.word }
  }

  /// Forgets the translations of a tag for a range, with every PASID and without.
  ///
  /// Entries with an ASID stay; see ``invalidate(tag:asid:from:pageCount:)``.
  ///
  /// - Parameters:
  ///   - tag: The tag.
  ///   - iova: An address in the first page.
  ///   - pageCount: How many pages of 4 KiB; what goes beyond 2^64 is nothing.
  /// - Complexity: O(pages), at most O(capacity).
  public func invalidate(tag: UInt32, from iova: IOVA, pageCount: UInt64) {
    let key = CacheKey(tag: tag)
    remove(from: iova, pageCount, seededBy: key) { word in
      word >> 32 == UInt64(tag) && word >> 30 & 3 != CacheKey.Kind.asid.rawValue
    }
  }

  /// Forgets the translations of a tag for a range with one ASID, as `TLBI_NH_VA` asks.
  ///
  /// - Parameters:
  ///   - tag: The tag.
  ///   - asid: The ASID; `nil` for all of them, as `TLBI_NH_VAA` asks.
  ///   - iova: An address in the first page.
  ///   - pageCount: How many pages of 4 KiB; what goes beyond 2^64 is nothing.
  /// - Complexity: O(pages), at most O(capacity); always O(capacity) for all ASIDs.
  public func invalidate(tag: UInt32, asid: UInt16?, from iova: IOVA, pageCount: UInt64) {
    guard let asid else {
      return remove(from: iova, pageCount, seededBy: nil) { word in
        word >> 32 == UInt64(tag) && word >> 30 & 3 == CacheKey.Kind.asid.rawValue
      }
    }
    let key = CacheKey(tag: tag, .asid, UInt32(asid))
    remove(from: iova, pageCount, seededBy: key) { $0 == key.word }
  }

  @inline(__always)
  private func remove(
    from iova: IOVA, _ pageCount: UInt64, seededBy key: CacheKey?, _ matches: (UInt64) -> Bool
  ) {
    guard pageCount > 0 else { return }
    let first = iova.rawValue >> 12
    let last = first &+ min(pageCount &- 1, (1 << 52) &- 1 &- first)
    if let key, last &- first < UInt64(sets) {
      for page in first...last { clear(set(key, page), page...page, matches) }
    } else {
      for set in 0..<sets { clear(set, first...last, matches) }
    }
  }

  /// Removes what matches from one set.
  @inline(__always)
  private func clear(_ set: Int, _ pages: ClosedRange<UInt64>, _ matches: (UInt64) -> Bool) {
    setCounts.add(1, at: set)
    for way in 0..<4 {
      let at = set &* Self.stride &+ way &* 4
      var attempts = 0
      while true {
        let header = entries.loadInOrder(at)
        if header & 1 == 0 {
          let word = entries.loadAcquiring(at &+ 1)
          let page = entries.loadAcquiring(at &+ 2)
          // Whoever changes the entry after this has seen the count.
          guard word != 0, matches(word), pages.contains(page) else {
            if entries.loadInOrder(at) == header { break }
            continue
          }
          guard entries.compareExchange(at, header, header | 1) else { continue }
          entries.storeReleasing(0, at: at &+ 1)
          unlock(at, header, generation: header >> 32)
          break
        }
        attempts += 1
        if attempts & 127 == 0 { HostMemory.yield() }
      }
    }
  }
}
