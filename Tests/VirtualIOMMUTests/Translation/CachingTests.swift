import Hardware
import IOMMU
import Testing
import VirtualIOMMU

/// What the guest changed and what it must tell to forget.
@Suite("What may be cached, and what is forgotten when")
struct CachingTests {
  /// Two PASIDs with a first stage (domain 9), one with a second stage (domain 3); a page each.
  private struct Scene {
    let guest: WalkGuest
    let leaves: [UInt64]
    let pages: [UInt64]

    init() throws {
      guest = try WalkGuest()
      guest.writeScalable()
      var (leaves, pages): ([UInt64], [UInt64]) = ([], [])
      for pasid in 0..<3 as Range<UInt64> {
        let top = guest.fresh()
        let page = guest.fresh()
        pages.append(page)
        leaves.append(guest.link(0x1000, to: page | 7, from: top).last ?? 0)
        if pasid == 2 {
          guest.write(pasid, top | 2 << 2 | 2 << 6, domain: 3)
        } else {
          guest.write(pasid, 0x41, top)
        }
      }
      (self.leaves, self.pages) = (leaves, pages)
      for pasid in 0..<3 as Range<UInt32> {
        guard guest.page(0x1000, pasid: pasid) == pages[Int(pasid)] else { throw Missing() }
      }
    }

    struct Missing: Error {}

    /// Which PASIDs still get the page that they got first.
    var old: [Bool] {
      (0..<3).map { guest.page(0x1000, pasid: UInt32($0)) == pages[$0] }
    }
  }

  struct Row: Sendable, CustomStringConvertible {
    let invalidation: VTdCacheInvalidation
    /// Which PASIDs still get what was cached.
    let kept: [Bool]
    var description: String { "\(invalidation)" }
  }

  private static let page = FirstStageInvalidation(
    address: 0x1000, pageCount: 1, isLeafOnly: true)
  private static let other = FirstStageInvalidation(
    address: 0x2000, pageCount: 1, isLeafOnly: true)
  private static let large = FirstStageInvalidation(
    address: 0, pageCount: 512, isLeafOnly: true)

  private static func pasid(_ number: UInt32) -> PASID {
    guard let pasid = PASID(rawValue: number) else { preconditionFailure("no PASID") }
    return pasid
  }

  static let translationsRows: [Row] = [
    .init(invalidation: .allTranslations, kept: [false, false, false]),
    .init(invalidation: .translations(domain: 9), kept: [false, false, true]),
    .init(invalidation: .translations(domain: 3), kept: [true, true, false]),
    .init(invalidation: .translations(domain: 4), kept: [true, true, true]),
    .init(invalidation: .pages(page, domain: 3), kept: [true, true, false]),
    .init(invalidation: .pages(large, domain: 3), kept: [true, true, false]),
    .init(invalidation: .pages(.everything, domain: 3), kept: [true, true, false]),
    .init(invalidation: .pages(other, domain: 3), kept: [true, true, true]),
    .init(invalidation: .pasidPages(page, pasid(1), domain: 9), kept: [true, false, true]),
    .init(invalidation: .pasidPages(large, pasid(1), domain: 9), kept: [true, false, true]),
    .init(
      invalidation: .pasidPages(.everything, pasid(1), domain: 9), kept: [true, false, true]),
    .init(invalidation: .pasidPages(other, pasid(1), domain: 9), kept: [true, true, true]),
    .init(invalidation: .pasidPages(page, pasid(1), domain: 8), kept: [true, true, true]),
    .init(invalidation: .allPASIDs, kept: [true, true, true]),
    .init(invalidation: .allContexts, kept: [true, true, true]),
    .init(invalidation: .allInterrupts, kept: [true, true, true]),
  ]

  @Test("translations", arguments: translationsRows)
  func translations(_ row: Row) throws {
    let scene = try Scene()
    for leaf in scene.leaves { scene.guest[leaf] = 0 }
    #expect(scene.old == [true, true, true], "nothing has been told yet")
    scene.guest.translator.invalidate(row.invalidation)
    scene.guest.translator.drain()
    #expect(scene.old == row.kept)
  }

  static let entriesRows: [Row] = [
    .init(invalidation: .allPASIDs, kept: [false, false, false]),
    .init(invalidation: .pasids(domain: 9), kept: [false, false, true]),
    .init(invalidation: .pasids(domain: 3), kept: [true, true, false]),
    .init(invalidation: .pasid(pasid(1), domain: 9), kept: [true, false, true]),
    .init(invalidation: .pasid(pasid(1), domain: 3), kept: [true, true, true]),
    .init(invalidation: .allTranslations, kept: [true, true, true]),
    .init(invalidation: .translations(domain: 9), kept: [true, true, true]),
  ]

  @Test("PASID entries", arguments: entriesRows)
  func entries(_ row: Row) throws {
    let scene = try Scene()
    for pasid in 0..<3 as Range<UInt64> {
      scene.guest[WalkGuest.pasidPlace(pasid)] &= ~1
    }
    #expect(scene.old == [true, true, true], "nothing has been told yet")
    scene.guest.translator.invalidate(row.invalidation)
    scene.guest.translator.drain()
    #expect(scene.old == row.kept)
  }

  @Test("an entry that moved to another domain goes with that one alone")
  func movedDomain() throws {
    let scene = try Scene()
    scene.guest[WalkGuest.pasidPlace(1) + 8] = 5
    scene.guest.translator.invalidate(.pasid(Self.pasid(1), domain: 9))
    #expect(scene.guest.page(0x1000, pasid: 1) == scene.pages[1])
    for pasid in 0..<3 as Range<UInt64> { scene.guest[WalkGuest.pasidPlace(pasid)] &= ~1 }
    scene.guest.translator.invalidate(.pasids(domain: 9))
    #expect(scene.old == [false, true, true])
    scene.guest.translator.invalidate(.pasids(domain: 5))
    #expect(scene.old == [false, false, true])
  }

  static let contextsRows: [Row] = [
    .init(invalidation: .allContexts, kept: [false]),
    .init(invalidation: .contexts(domain: 3), kept: [false]),
    .init(invalidation: .context(source: 0x110, mask: 0, domain: 9), kept: [false]),
    .init(invalidation: .context(source: 0x113, mask: 3, domain: 9), kept: [false]),
    .init(invalidation: .context(source: 0x111, mask: 0, domain: 9), kept: [true]),
    .init(invalidation: .context(source: 0x210, mask: 7, domain: 9), kept: [true]),
  ]

  @Test("context entries", arguments: contextsRows)
  func contexts(_ row: Row) throws {
    let scene = try Scene()
    scene.guest[WalkGuest.contextPlace] &= ~1
    #expect(scene.old == [true, true, true], "nothing has been told yet")
    scene.guest.translator.invalidate(row.invalidation)
    scene.guest.translator.drain()
    #expect(scene.old == [Bool](repeating: row.kept[0], count: 3))
  }

  @Test("legacy context entries go with their own domain only", arguments: [9, 4] as [UInt16])
  func legacy(domain: UInt16) throws {
    let guest = try WalkGuest(mode: .legacy)
    guest.writeLegacy(9)
    #expect(guest.page(0x3000) == 0x3000)
    guest[WalkGuest.legacyPlace] = 0
    guest.translator.invalidate(.contexts(domain: domain))
    #expect(guest.page(0x3000) == (domain == 9 ? nil : 0x3000))
  }

  @Test("what is not present is never kept: it is used as soon as it is there")
  func notPresent() throws {
    let guest = try WalkGuest()
    let top = guest.fresh()
    let page = guest.fresh()
    #expect(guest.translate(0x1000, pasid: 5) == .refused(.rootNotPresent))
    guest[WalkGuest.rootPlace] = WalkGuest.contexts | 1
    #expect(guest.translate(0x1000, pasid: 5) == .refused(.contextNotPresent))
    guest.writeScalable()
    guest[WalkGuest.directory] = 0
    guest.translator.invalidate(.allContexts)
    #expect(guest.translate(0x1000, pasid: 5) == .refused(.directoryNotPresent))
    guest[WalkGuest.directory] = WalkGuest.pasids | 1
    #expect(guest.translate(0x1000, pasid: 5) == .refused(.pasidEntryNotPresent))
    guest.write(5, 0x41, top)
    #expect(guest.translate(0x1000, pasid: 5) == .refused(.firstStageNotPresent))
    guest.link(0x1000, to: page | 5, from: top)
    #expect(guest.translate(0x1000, .write, pasid: 5) == .refused(.writeDenied))
    guest.link(0x1000, to: page | 7, from: top)
    #expect(guest.page(0x1000, .write, pasid: 5) == page)
  }

  @Test("more rights need no invalidation, fewer do")
  func rights() throws {
    let scene = try Scene()
    let guest = scene.guest
    guest[scene.leaves[1]] &= ~2
    #expect(guest.translate(0x1000, .write, pasid: 1) == .refused(.writeDenied))
    guest[scene.leaves[1]] |= 0x62
    #expect(guest.page(0x1000, .write, pasid: 1) == scene.pages[1])
    guest[scene.leaves[1]] &= ~2
    #expect(guest.page(0x1000, .write, pasid: 1) == scene.pages[1])
  }

  @Test("a page request forgets what is cached for its page")
  func pageRequest() throws {
    let scene = try Scene()
    let request = GuestPageRequest(
      pasid: PASID(rawValue: 1), address: IOVA(0x1000), access: .read, group: 1, isLast: true)
    for leaf in scene.leaves { scene.guest[leaf] = 0 }
    #expect(scene.guest.endpoint.requestPage(request))
    #expect(scene.old == [true, false, true])
    #expect(scene.guest.events.requests == [request])
  }

  @Test("the same PASID of two domains is two tables")
  func domains() throws {
    let guest = try WalkGuest()
    guest.writeScalable()
    let other = RequesterID(bus: 1, devfn: 0x20)
    let tables = guest.fresh()
    let directory = guest.fresh()
    guest[WalkGuest.contexts + 0x20 * 32] = directory | 0x1D | 7 << 9
    guest[directory] = tables | 1
    let tops = [guest.fresh(), guest.fresh()]
    let pages = [guest.fresh(), guest.fresh()]
    for index in 0..<2 { guest.link(0x1000, to: pages[index] | 7, from: tops[index]) }
    guest.write(5, 0x41, tops[0])
    guest[tables + 5 * 64 + 16] = tops[1]
    guest[tables + 5 * 64 + 8] = 10
    guest[tables + 5 * 64] = 0x41
    let endpoint = VTdEndpoint(other, translator: guest.translator, events: guest.events)
    for _ in 0..<2 {
      #expect(guest.page(0x1000, pasid: 5) == pages[0])
      let answer = endpoint.withRequests(PASID(rawValue: 5)) {
        $0.translate(IOVA(0x1000), .read)
      }
      guard case .success(let found) = answer else {
        Issue.record("\(answer)")
        return
      }
      #expect(guest.physical(found.address) == pages[1])
    }
  }
}
