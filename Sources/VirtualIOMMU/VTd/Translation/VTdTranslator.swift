import Hardware
import IOMMU
import Synchronization

/// The unit's own translation: for devices that are models too, and need no host.
///
/// It caches what the guest must invalidate (context and PASID entries by requester, translations by
/// domain and PASID) and nothing else: what is not present is read again each time. It is told of
/// invalidations as a ``VTdCacheListener``.
///
/// A request's way: ``VTdEndpoint`` for the requester, a transaction of ``GuestMemory/unit``, the
/// route by context and PASID entry, then the translation, cached or walked. VT-d §3, §6.
public final class VTdTranslator: VTdCacheListener {
  /// The guest's memory.
  public let memory: GuestMemory
  /// The structures that lead to page tables.
  public let tables: VTdTables
  private let shared: Mutex<Shared>

  private struct Shared {
    var state = VTdTranslationState.reset
    var sources: [UInt16: VTdSource] = [:]
  }

  /// Makes a translator with empty caches, for a unit after a reset.
  ///
  /// - Parameters:
  ///   - memory: The guest's memory.
  ///   - features: What the unit can do.
  public init(memory: GuestMemory, features: VTdFeatures) {
    self.memory = memory
    tables = VTdTables(memory: memory, features: features)
    shared = Mutex(Shared())
  }

  /// What is kept for a requester, made when it is first asked for.
  func source(_ requester: RequesterID) -> VTdSource {
    shared.withLock { shared in
      if let found = shared.sources[requester.sourceID] { return found }
      let new = VTdSource(requester, tables, shared.state)
      shared.sources[requester.sourceID] = new
      return new
    }
  }

  // MARK: Invalidation

  /// Takes over what the registers say; context and PASID entries are forgotten.
  public func changed(to state: VTdTranslationState) {
    shared.withLock { shared in
      shared.state = state
      for source in shared.sources.values { source.change(to: state) }
    }
  }

  /// Larger ranges take everything of their domain, or of their PASID in it, which costs nothing: a
  /// queue full of them must not go through the whole cache for each.
  private static var singlePages: UInt64 { 512 }

  /// Drops from the caches.
  public func invalidate(_ invalidation: VTdCacheInvalidation) {
    let iotlb = memory.unit.iotlb
    switch invalidation {
    case .allContexts, .allPASIDs: forEachSource { $0.clear() }
    case .contexts(let domain): forEachSource { $0.clear(domain: domain) }
    case .context(let number, let mask, _):
      forEachSource { source in
        if (source.requester.sourceID ^ number) & ~mask == 0 { source.clear() }
      }
    case .pasids(let domain):
      forEachSource { $0.remove(domain: domain) }
    case .pasid(let pasid, let domain):
      forEachSource { $0.remove(pasid, domain: domain) }
    case .allTranslations: iotlb.invalidateAll()
    case .translations(let domain):
      iotlb.invalidate(tag: VTdTag.second(domain))
      iotlb.invalidate(tag: VTdTag.first(domain))
    case .pages(let range, let domain):
      // A page of the second stage may be behind any address of the first stages on it.
      iotlb.invalidate(tag: VTdTag.first(domain))
      guard range.pageCount <= Self.singlePages else {
        return iotlb.invalidate(tag: VTdTag.second(domain))
      }
      iotlb.invalidate(
        tag: VTdTag.second(domain), from: IOVA(range.address), pageCount: range.pageCount)
    case .pasidPages(let range, let pasid, let domain):
      let tag = VTdTag.first(domain)
      guard range.pageCount <= Self.singlePages else {
        return iotlb.invalidate(tag: tag, process: pasid)
      }
      iotlb.invalidate(
        tag: tag, process: pasid, from: IOVA(range.address), pageCount: range.pageCount)
    case .allInterrupts, .interrupts: break
    }
  }

  /// Waits for all requests that began before.
  public func drain() { memory.unit.drain() }

  private func forEachSource(_ body: (VTdSource) -> Void) {
    shared.withLock { shared in
      for source in shared.sources.values { body(source) }
    }
  }
}
