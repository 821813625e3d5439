import Hardware
import IOMMU
import Synchronization

/// A requester and what the unit caches of its context and PASID entries.
///
/// As in hardware, an entry stays until it is invalidated; what is not present is never kept. A lock
/// of its own is held while entries are read, so that an invalidation comes before or after.
final class VTdSource: Sendable {
  /// More PASIDs than this make room by forgetting all.
  private static var capacity: Int { 4096 }

  let requester: RequesterID
  private let tables: VTdTables
  private let cache: Mutex<Cache>

  private struct Cache {
    var state: VTdTranslationState
    var context: VTdContext?
    /// By PASID, plus one; 0 is without.
    var routes: [UInt32: VTdRoute] = [:]
    /// How many routes are in a domain, so that one without any costs nothing to forget.
    var counts: [UInt16: Int] = [:]
    /// The one that was used last, which is the next one more often than not.
    var lastKey: UInt32 = 0
    var last: VTdRoute?

    mutating func insert(_ route: VTdRoute, _ key: UInt32) {
      if routes.count >= VTdSource.capacity { clear() }
      remove(key)
      routes[key] = route
      if let domain = route.domain { counts[domain, default: 0] += 1 }
      (lastKey, last) = (key, route)
    }

    mutating func clear() {
      context = nil
      last = nil
      guard !routes.isEmpty else { return }
      routes.removeAll(keepingCapacity: true)
      counts.removeAll(keepingCapacity: true)
    }

    mutating func remove(_ key: UInt32) {
      last = nil
      guard let domain = routes.removeValue(forKey: key)?.domain else { return }
      let left = (counts[domain] ?? 1) - 1
      counts[domain] = left == 0 ? nil : left
    }

    mutating func remove(domain: UInt16) {
      guard counts[domain] != nil else { return }
      routes = routes.filter { $0.value.domain != domain }
      counts[domain] = nil
      last = nil
    }
  }

  init(_ requester: RequesterID, _ tables: VTdTables, _ state: VTdTranslationState) {
    self.requester = requester
    self.tables = tables
    cache = Mutex(Cache(state: state))
  }

  /// Whether the root table is one of legacy mode.
  var isLegacy: Bool { cache.withLock { $0.state.root.mode == .legacy } }

  // MARK: Lookup

  /// Where a request goes: from the cache, or else from the guest's tables.
  ///
  /// - Parameter pasid: Its PASID.
  /// - Returns: The route, or what refuses the request; `nil` when it is blocked without a reason.
  func route(_ pasid: PASID?) -> Result<VTdRoute, VTdTableFault>? {
    let key = pasid.map { $0.rawValue + 1 } ?? 0
    return cache.withLock { cache in
      if cache.lastKey == key, let last = cache.last { return .success(last) }
      if let found = cache.routes[key] {
        (cache.lastKey, cache.last) = (key, found)
        return .success(found)
      }
      return find(pasid, key, &cache)
    }
  }

  @inline(never)
  private func find(
    _ pasid: PASID?, _ key: UInt32, _ cache: inout Cache
  ) -> Result<VTdRoute, VTdTableFault>? {
    guard cache.state.isTranslating || pasid == nil else { return nil }
    do throws(VTdTableFault) {
      let route = try read(pasid, &cache)
      cache.insert(route, key)
      return .success(route)
    } catch {
      return .failure(error)
    }
  }

  private func read(
    _ pasid: PASID?, _ cache: inout Cache
  ) throws(VTdTableFault) -> VTdRoute {
    guard cache.state.isTranslating else { return VTdRoute(off: tables.memory) }
    let isLegacy = cache.state.root.mode == .legacy
    guard !isLegacy || pasid == nil else {
      throw VTdTableFault(.pasidInLegacyMode, disablesFaults: false)
    }
    switch try context(&cache) {
    case .legacy(let entry): return VTdRoute(entry, tables)
    case .scalable(let entry):
      let number = try tables.effectivePASID(pasid, in: entry)
      return VTdRoute(try tables.entry(of: number, in: entry), of: number, entry, tables)
    }
  }

  /// Whether translation requests and translated requests are allowed, by the context entry alone.
  ///
  /// - Returns: What refuses them, or `nil`; without a reason while translation is off.
  func refusesDeviceTLB() -> VTdTableFault? {
    cache.withLock { cache in
      let isOn = cache.state.isTranslating && tables.features.hasDeviceTLB
      guard isOn else { return VTdTableFault(.none, disablesFaults: false) }
      do throws(VTdTableFault) {
        switch try context(&cache) {
        case .legacy(let entry):
          return entry.type == .all
            ? nil : VTdTableFault(.legacyRequestBlocked, disablesFaults: entry.disablesFaults)
        case .scalable(let entry):
          return entry.allowsDeviceTLB
            ? nil : VTdTableFault(.deviceTLBNotEnabled, disablesFaults: entry.disablesFaults)
        }
      } catch {
        return error
      }
    }
  }

  private func context(_ cache: inout Cache) throws(VTdTableFault) -> VTdContext {
    if let cached = cache.context { return cached }
    let new = try tables.context(of: requester, root: cache.state.root)
    cache.context = new
    return new
  }

  // MARK: Invalidation

  /// Takes over what the registers say, and forgets everything.
  func change(to state: VTdTranslationState) {
    cache.withLock {
      $0.state = state
      $0.clear()
    }
  }

  /// Forgets context and PASID entries.
  func clear() { cache.withLock { $0.clear() } }

  /// Forgets the context entry if it may belong to a domain, and what was found by it.
  func clear(domain: UInt16) {
    cache.withLock { cache in
      // Scalable context entries name no domain.
      if case .legacy(let entry) = cache.context, entry.domain != domain { return }
      cache.clear()
    }
  }

  /// Forgets the PASID entries of a domain.
  func remove(domain: UInt16) { cache.withLock { $0.remove(domain: domain) } }

  /// Forgets a PASID's entry if it is in a domain, also as the RID's own.
  func remove(_ pasid: PASID, domain: UInt16) {
    cache.withLock { cache in
      for key in [pasid.rawValue + 1, 0] {
        guard let route = cache.routes[key], route.pasid == pasid, route.domain == domain else {
          continue
        }
        cache.remove(key)
      }
    }
  }
}
