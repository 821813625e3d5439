public import Hardware
import Synchronization

/// A translation unit of the host: what stands between devices and memory.
///
/// **Requests.** Each thread that does DMA brackets it with ``withDMA(_:)``. Inside, translations are
/// lent: the pages they name cannot go away before the bracket ends. The way in and out writes one
/// word that no other thread writes meanwhile, so transactions of different threads do not slow each
/// other down. A transaction must be short and must not wait for anything.
///
/// **Control.** Whoever takes pages or tables away removes the entries, invalidates ``iotlb`` (and
/// for SMMUv3 streams the context descriptors), and calls ``drain()``. When it returns, every request
/// that could have seen the old state is over. Never call it inside a transaction.
///
/// **Strictness.** A cache hides forgotten invalidations most of the time, or shows them where
/// nobody looks. A strict unit walks the tables on each hit as well and notes each hit that they do
/// not agree with (``staleHits``); the request still gets what was cached, as from hardware.
public final class TranslationUnit: Sendable {
  /// The unit's cache of translations.
  public let iotlb: IOTLB
  /// The unit's cache of SMMUv3 context descriptors.
  public let contextDescriptors = ContextDescriptorCache()
  package let foreign: (any ForeignMemory)?
  let slots = TransactionSlots()
  let strict: Atomic<Bool>
  private let stale = Mutex(StaleHits())

  /// Makes a unit with an empty cache.
  ///
  /// - Parameters:
  ///   - cacheCapacity: How many translations it caches; see ``IOTLB/init(capacity:)``.
  ///   - isStrict: Whether hits are compared with the tables.
  ///   - foreign: Who answers for pages of spaces other than 0 when bytes are moved; without, such
  ///     moves end there.
  public init(
    cacheCapacity: Int = 4096, isStrict: Bool = false, foreign: (any ForeignMemory)? = nil
  ) {
    iotlb = IOTLB(capacity: cacheCapacity)
    strict = Atomic(isStrict)
    self.foreign = foreign
  }

  /// Runs a transaction: what it translates stays in place until `body` returns.
  ///
  /// - Parameter body: Does the DMA; short, and without waiting for anything.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  @inlinable
  public func withDMA<Result: ~Copyable, Failure: Error>(
    _ body: (borrowing DMATransaction) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let transaction = begin()
    return try body(transaction)
  }

  /// Waits until every transaction that began before has ended; never inside one.
  public func drain() { slots.drain() }

  /// Drops what was cached of a device's attachment that ends, and drains.
  ///
  /// - Parameters:
  ///   - tag: The tag of the table's translations.
  ///   - pasid: The PASID that was attached; `nil` without.
  ///   - stream: The device's stream, whose context descriptors go.
  public func forget(tag: UInt32, pasid: PASID?, stream: UInt32) {
    contextDescriptors.invalidate(stream: stream)
    iotlb.invalidate(tag: tag, pasid: pasid)
    slots.drain()
  }

  /// Whether hits are compared with the tables.
  public var isStrict: Bool {
    get { strict.load(ordering: .relaxed) }
    set { strict.store(newValue, ordering: .relaxed) }
  }

  /// The first stale hits, at most 256.
  public var staleHits: [StaleHit] { stale.withLock { $0.first } }

  /// How many stale hits there were.
  public var staleHitCount: Int { stale.withLock { $0.count } }

  /// Forgets the stale hits.
  public func forgetStaleHits() { stale.withLock { $0 = StaleHits() } }

  /// How many requests the cache answered.
  public var hits: UInt64 { slots.sum(.hits) }
  /// How many requests needed a walk.
  public var misses: UInt64 { slots.sum(.misses) }
  /// How many requests were refused.
  public var faults: UInt64 { slots.sum(.faults) }

  // MARK: Translation

  /// Whose request it is, without the table: nothing that is counted.
  struct Origin: BitwiseCopyable {
    let tag: UInt32
    let pasid: PASID?
    var key: CacheKey

    @inline(__always)
    init(_ context: borrowing TranslationContext) {
      (tag, pasid, key) = (context.tag, context.pasid, context.key)
    }
  }

  @inline(__always)
  func translate(
    _ context: borrowing TranslationContext, _ iova: IOVA, _ access: DMAAccess, slot: Int
  ) -> TranslationResult {
    if let table = context.streamTable {
      let (origin, stream) = (Origin(context), context.stream)
      return table { translate($0, origin, stream: stream, iova, access, slot: slot) }
    }
    let key = context.key
    let page = iova.rawValue >> 12
    if let word = iotlb.lookup(key, page), word.allows(access) {
      slots.count(.hits, in: slot)
      if strict.load(ordering: .relaxed) {
        compare(word, context.table, Origin(context), page, iova, access)
      }
      return .success(Self.translation(word, iova, access))
    }
    return miss(context.table, key, iova, access, slot: slot)
  }

  /// Walks, and installs what is found.
  @inline(never)
  private func miss(
    _ table: TranslationTable, _ key: CacheKey, _ iova: IOVA, _ access: DMAAccess, slot: Int
  ) -> TranslationResult {
    let page = iova.rawValue >> 12
    let ticket = iotlb.ticket(key, page)
    return finish(
      table.walk(iova, access, updating: true), key, page, ticket, iova, access, slot: slot)
  }

  /// Installs what a walk found.
  @inline(__always)
  func finish(
    _ result: WalkResult, _ key: CacheKey, _ page: UInt64, _ ticket: IOTLB.Ticket, _ iova: IOVA,
    _ access: DMAAccess, slot: Int
  ) -> TranslationResult {
    slots.count(.misses, in: slot)
    switch result {
    case .mapped(let word):
      iotlb.install(word, key, page, ticket)
      return .success(Self.translation(word, iova, access))
    case .fault(let fault):
      slots.count(.faults, in: slot)
      return .fault(fault)
    }
  }

  @inline(__always)
  static func translation(
    _ word: TranslationWord, _ iova: IOVA, _ access: DMAAccess
  ) -> Translation {
    Translation(
      word, offset: iova.rawValue & 0xFFF, isPrivileged: access.contains(.privileged))
  }

  /// Notes a hit that the tables do not agree with, unless its invalidation has just come.
  @inline(never)
  func compare(
    _ word: TranslationWord, _ table: TranslationTable, _ origin: Origin, _ page: UInt64,
    _ iova: IOVA, _ access: DMAAccess
  ) {
    let mode = access.intersection(.privileged)
    let granted = DMAAccess(
      rawValue: word.permissions(isPrivileged: !mode.isEmpty))
    let asked = granted.union(mode)
    let now = table.look(iova, asked, pasid: origin.pasid)
    if case .mapped(let other) = now, other.host == word.host { return }
    guard iotlb.lookup(origin.key, page) == word else { return }
    let result: TranslationResult =
      switch now {
      case .mapped(let other): .success(Self.translation(other, iova, asked))
      case .fault(let fault): .fault(fault)
      }
    let hit = StaleHit(
      tag: origin.tag, pasid: origin.pasid, iova: iova,
      cached: Self.translation(word, iova, access), now: result)
    stale.withLock { $0.note(hit) }
  }
}
