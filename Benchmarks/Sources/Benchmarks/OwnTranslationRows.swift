import Hardware
import HostSystem
import IOMMU
import VirtualIOMMU

/// A guest's VT-d unit translating for devices that are models too, by its own walk.
struct OwnTranslationRows {
  let setup: Setup
  private var isQuick: Bool { setup.pairs == 1 }

  init(_ setup: Setup) { self.setup = setup }

  func measure(into table: inout Table) {
    do {
      let guest = try NestedGuest(pages: isQuick ? 2048 : 65536)
      let tables = try AnonymousMemory(byteCount: Self.tablePages * 4096)
      let translator = try Self.translator(guest, tables)
      let endpoint = VTdEndpoint(
        RequesterID(bus: 0, devfn: 8), translator: translator, events: Silence())
      hits(guest, endpoint, &table)
      try misses(guest, endpoint, &table)
      withExtendedLifetime(tables) {}
    } catch {
      table.fail("own translation: \(error)")
    }
  }

  // MARK: The guest

  private static let tablePages = 8
  private static let place: UInt64 = 1 << 32

  /// Root, context and PASID tables in pages of their own; PASID 5 has the guest's first stage, PASID
  /// 6 has it on a second stage of one page of 512 GiB less: four levels down to pages of 2 MiB.
  private static func translator(
    _ guest: NestedGuest, _ tables: AnonymousMemory
  ) throws -> VTdTranslator {
    try guest.stage2.map(
      IOVA(place), byteCount: UInt64(tablePages) << 12, to: HostAddress(tables.address),
      allowing: [.read, .write])
    func set(_ page: UInt64, _ index: UInt64, _ word: UInt64) {
      HostMemory.store(word, at: HostAddress(tables.address + page << 12 + index << 3))
    }
    func page(_ number: UInt64) -> UInt64 { place + number << 12 }
    set(0, 0, page(1) | 1)
    // Device 1: PASIDs of 20 bits, device TLB.
    set(1, 8 * 4, page(2) | 0xE1D)
    set(2, 0, page(3) | 1)
    for pasid in [5, 6] as [UInt64] {
      set(3, pasid * 8 + 2, guest.root)
      set(3, pasid * 8 + 1, pasid)
      set(3, pasid * 8, (pasid == 5 ? 0x41 : page(4) | 0xC9))
    }
    set(4, 0, page(5) | 3)
    set(5, 0, page(6) | 3)
    for index in 0..<512 as Range<UInt64> { set(6, index, index << 21 | 0x83) }
    let features = VTdFeatures(
      capability: 6 | 6 << 8 | 47 << 16 | 3 << 34,
      extendedCapability: [2, 26, 29, 40, 43, 46, 47].reduce(19 << 35) { $0 | 1 << UInt64($1) })
    let translator = VTdTranslator(
      memory: GuestMemory(
        guest.stage2, unit: TranslationUnit(cacheCapacity: 4096)), features: features)
    var state = VTdTranslationState.reset
    state.isTranslating = true
    state.root = VTdRootTableAddress(rawValue: place | 1 << 10)
    translator.changed(to: state)
    return translator
  }

  // MARK: Rows

  private func hits(_ guest: NestedGuest, _ endpoint: VTdEndpoint, _ table: inout Table) {
    let count = isQuick ? 1000 : 2_000_000
    let flat = (0..<256).map { guest.host($0).rawValue }
    guard Self.translate(endpoint, 256, 5) == guest.host(255).rawValue else {
      return table.fail("own translation: another page")
    }
    let pairs = Pairs(
      setup.pairs, { seconds { _ = Self.translate(endpoint, count, 5) } },
      { seconds { _ = Self.look(flat, count) } })
    let nanoseconds = 1e9 / Double(count)
    table.add(
      "a guest unit's own translation, PASID, cached; baseline: an array of 256 addresses",
      "\((pairs.a * nanoseconds).short) ns", baseline: "\((pairs.b * nanoseconds).short) ns",
      ratio: (pairs.a / pairs.b).times, bar: "<= 12 ns", pairs.a * nanoseconds <= 12)
    allocations(&table) { _ = Self.translate(endpoint, count, 5) }
    let single = Pairs(setup.pairs, { seconds { Self.requests(endpoint, count) } }, { 1 })
    table.add(
      "the same, each request with a transaction and a lookup of its PASID",
      "\((single.a * nanoseconds).short) ns")
    allocations(&table) { Self.requests(endpoint, count) }
  }

  private func misses(
    _ guest: NestedGuest, _ endpoint: VTdEndpoint, _ table: inout Table
  ) throws {
    let bare = try BareWalk(guest)
    var random = SplitMix64(seed: 2)
    let addresses = (0..<guest.pages).shuffled(using: &random).map(NestedGuest.iova)
    let sums = [5, 6].map { Self.walk(endpoint, addresses, UInt32($0)) }
    guard sums[0] != 0, sums[0] == sums[1], sums[0] == Self.walk(bare, addresses) else {
      return table.fail("own translation: \(sums) by translating")
    }
    let nanoseconds = 1e9 / Double(addresses.count)
    let pairs = Pairs(
      setup.pairs, { seconds { _ = Self.walk(endpoint, addresses, 5) } },
      { seconds { _ = Self.walk(bare, addresses) } })
    table.add(
      "the same, not cached; baseline: the same 24 loads and nothing else",
      "\((pairs.a * nanoseconds).short) ns", baseline: "\((pairs.b * nanoseconds).short) ns",
      ratio: (pairs.a / pairs.b).times, bar: "<= 2 x", pairs.a <= 2 * pairs.b)
    allocations(&table) { _ = Self.walk(endpoint, addresses, 5) }
    let nested = Pairs(
      setup.pairs, { seconds { _ = Self.walk(endpoint, addresses, 6) } }, { 1 })
    table.add(
      "the same on a second stage of the guest's own, of pages of 2 MiB",
      "\((nested.a * nanoseconds).short) ns")
    allocations(&table) { _ = Self.walk(endpoint, addresses, 6) }
  }

  private func allocations(_ table: inout Table, _ body: () -> Void) {
    guard Allocations.areCounted else { return }
    let count = Allocations.count(body)
    table.add("the same: allocations", "\(count)", bar: "0", count == 0)
  }

  // MARK: Loops

  /// Each address depends on the answer before it.
  @inline(never)
  private static func translate(_ endpoint: VTdEndpoint, _ count: Int, _ pasid: UInt32) -> UInt64 {
    endpoint.withRequests(PASID(rawValue: pasid)) { requests in
      var sum: UInt64 = 0
      for index in 0..<count {
        // Bit 63 of a host address is never set, but the compiler does not know that.
        let page = index & 255 | Int(truncatingIfNeeded: sum >> 63)
        if case .success(let found) = requests.translate(IOVA(NestedGuest.iova(page)), .read) {
          sum = found.address.rawValue
        }
      }
      return sum
    }
  }

  @inline(never)
  private static func requests(_ endpoint: VTdEndpoint, _ count: Int) {
    var sum: UInt64 = 0
    for index in 0..<count {
      let page = index & 255 | Int(truncatingIfNeeded: sum >> 63)
      sum = endpoint.withRequests(PASID(rawValue: 5)) { requests in
        guard
          case .success(let found) = requests.translate(IOVA(NestedGuest.iova(page)), .read)
        else { return 0 }
        return found.address.rawValue
      }
    }
  }

  @inline(never)
  private static func look(_ flat: [UInt64], _ count: Int) -> UInt64 {
    var sum: UInt64 = 0
    for index in 0..<count { sum = flat[index & 255 | Int(truncatingIfNeeded: sum >> 63)] }
    return sum
  }

  @inline(never)
  private static func walk(
    _ endpoint: VTdEndpoint, _ addresses: [UInt64], _ pasid: UInt32
  ) -> UInt64 {
    endpoint.withRequests(PASID(rawValue: pasid)) { requests in
      var sum: UInt64 = 0
      var last: UInt64 = 0
      for address in addresses {
        if case .success(let found) = requests.translate(IOVA(address | last >> 63), .read) {
          last = found.address.rawValue
        } else {
          last = 0
        }
        sum &+= last
      }
      return sum
    }
  }

  @inline(never)
  private static func walk(_ bare: BareWalk, _ addresses: [UInt64]) -> UInt64 {
    var sum: UInt64 = 0
    var last: UInt64 = 0
    for address in addresses {
      last = bare.walk(address | last >> 63)
      sum &+= last
    }
    return sum
  }
}

/// Nobody who wants to know.
private final class Silence: VTdRequestEvents {
  func record(_ fault: VTdFault) {}
  func report(_ request: GuestPageRequest, from requester: RequesterID) -> Bool { false }
}
