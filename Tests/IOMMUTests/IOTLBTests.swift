import Hardware
import IOMMU
import TestSupport
import Testing

/// A guest with one VT-d table of pages at 0x0, 0x1000, …, whose entries a test rewrites.
struct SmallGuest {
  static let pages = 64
  let guest: GuestMemory
  let table: VTdNestedTable

  init() throws {
    guest = try GuestMemory(pages: Self.pages + 8)
    table = VTdNestedTable(
      parent: guest.stage2, root: GuestPhysicalAddress(UInt64(Self.pages) << 12))
    for level in 0..<3 as Range<UInt64> {
      let place = (UInt64(Self.pages) + level) << 12
      guest[place] = (place + 0x1000) | 0x67
    }
    for page in 0..<UInt64(Self.pages) { set(page, to: page) }
  }

  private func place(_ page: UInt64) -> UInt64 { (UInt64(Self.pages) + 3) << 12 | page << 3 }

  /// Maps a page of the process to one of the guest.
  func set(_ page: UInt64, to target: UInt64) { guest[place(page)] = target << 12 | 0x67 }

  func clear(_ page: UInt64) { guest[place(page)] = 0 }

  func target(_ page: UInt64) -> UInt64? {
    let entry = guest[place(page)]
    return entry & 1 == 0 ? nil : entry >> 12
  }

  func context(tag: UInt32, pasid: UInt32? = nil) -> TranslationContext {
    TranslationContext(
      .vtdNested(table), tag: tag, pasid: pasid.flatMap { PASID(rawValue: $0) })
  }
}

@Suite("The cache of translations")
struct IOTLBTests {
  @Test(
    "answers with what the tables say now or said since the last invalidation", arguments: 0..<6)
  func model(seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed))
    let small = try SmallGuest()
    let unit = TranslationUnit(cacheCapacity: [8, 64, 4096][seed % 3])
    struct Key: Hashable {
      let tag: UInt32
      let pasid: UInt32?
      let page: UInt64
    }
    // What may be cached: at most one translation a key, seen at the last walk that could be.
    var maybe: [Key: UInt64] = [:]
    let pasids: [UInt32?] = [nil, 1, 2]
    for _ in 0..<6000 {
      let key = Key(
        tag: .random(in: 1...3, using: &random), pasid: pasids.randomElement(using: &random) ?? nil,
        page: .random(in: 0..<16, using: &random))
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<12:
        let context = small.context(tag: key.tag, pasid: key.pasid)
        let found = unit.translate(key.page << 12, for: context).translation?.page(in: small.guest)
        let now = small.target(key.page)
        #expect(found == now || found != nil && found == maybe[key])
        if let found { maybe[key] = found }
      case 12..<16:
        small.set(key.page, to: .random(in: 0..<64, using: &random))
      case 16: small.clear(key.page)
      case 17:
        let count = [1, 2, 5, 1 << 40, .max][Int.random(in: 0..<5, using: &random)] as UInt64
        unit.iotlb.invalidate(tag: key.tag, from: IOVA(key.page << 12), pageCount: count)
        maybe = maybe.filter {
          $0.key.tag != key.tag || $0.key.page < key.page || $0.key.page - key.page >= count
        }
      case 18:
        let pasid = key.pasid.flatMap { PASID(rawValue: $0) }
        unit.iotlb.invalidate(tag: key.tag, pasid: pasid)
        maybe = maybe.filter { $0.key.tag != key.tag || $0.key.pasid != key.pasid }
      default:
        if Bool.random(using: &random) {
          unit.iotlb.invalidate(tag: key.tag)
          maybe = maybe.filter { $0.key.tag != key.tag }
        } else {
          unit.iotlb.invalidateAll()
          maybe = [:]
        }
      }
    }
    #expect(unit.hits > 80)
  }

  @Test("keeps what nobody invalidated, and strictness tells", arguments: [true, false])
  func forgotten(isStrict: Bool) throws {
    let small = try SmallGuest()
    let unit = TranslationUnit(isStrict: isStrict)
    let context = small.context(tag: 9, pasid: 4)
    func page() -> UInt64? {
      unit.translate(0x3123, for: context).translation?.page(in: small.guest)
    }
    #expect(page() == 3 && page() == 3 && unit.staleHitCount == 0)
    small.set(3, to: 7)
    #expect(page() == 3)
    small.clear(3)
    #expect(page() == 3)
    #expect(unit.staleHitCount == (isStrict ? 2 : 0))
    if isStrict {
      let hits = unit.staleHits
      #expect(hits.map(\.tag) == [9, 9] && hits.map(\.pasid?.rawValue) == [4, 4])
      #expect(hits.allSatisfy { $0.iova == IOVA(0x3123) })
      #expect(hits.allSatisfy { $0.cached.page(in: small.guest) == 3 })
      #expect(hits[0].now.translation?.page(in: small.guest) == 7)
      #expect(hits[1].now.fault?.reason == .vtd(.firstStageNotPresent))
    }
    unit.iotlb.invalidate(tag: 9, from: IOVA(0x3000), pageCount: 1)
    #expect(page() == nil)
    unit.forgetStaleHits()
    #expect(unit.staleHitCount == 0 && unit.staleHits.isEmpty)
  }

  @Test("an unmapped page of the host is caught too")
  func secondStage() throws {
    let small = try SmallGuest()
    let unit = TranslationUnit(isStrict: true)
    let context = small.context(tag: 1)
    #expect(unit.translate(0x5000, for: context).translation != nil)
    try small.guest.unmap(5)
    #expect(unit.translate(0x5000, for: context).translation != nil)
    #expect(unit.staleHits.first?.now.fault?.stage == .second)
    unit.iotlb.invalidate(tag: 1)
    #expect(unit.translate(0x5000, for: context).fault?.stage == .second)
  }

  @Test("the list of stale hits is bounded, their number is not")
  func bounded() throws {
    let small = try SmallGuest()
    let unit = TranslationUnit(isStrict: true)
    let context = small.context(tag: 1)
    #expect(unit.translate(0, for: context).translation != nil)
    small.clear(0)
    for _ in 0..<1000 { _ = unit.translate(0, for: context) }
    #expect(unit.staleHits.count == 256 && unit.staleHitCount == 1000)
  }

  @Test("looking at the tables for a comparison changes nothing in them")
  func comparisonsHaveNoEffect() throws {
    let small = try SmallGuest()
    let unit = TranslationUnit(isStrict: true)
    let context = small.context(tag: 1)
    #expect(unit.translate(0, .write, for: context).translation != nil)
    let top = UInt64(SmallGuest.pages) << 12
    small.guest[top] = (top + 0x1000) | 0x7
    #expect(unit.translate(0, .write, for: context).translation != nil)
    #expect(small.guest[top] == (top + 0x1000) | 0x7)
    #expect(unit.staleHitCount == 0)
  }

  @Test("a right that the cache lacks is looked up again, so permissions may grow unannounced")
  func growing() throws {
    let small = try SmallGuest()
    let unit = TranslationUnit()
    let context = small.context(tag: 1)
    small.guest[(UInt64(SmallGuest.pages) + 3) << 12] = 0x65
    #expect(unit.translate(0, .read, for: context).translation?.permissions == .read)
    #expect(unit.translate(0, .write, for: context).fault?.reason == .vtd(.writeDenied))
    small.set(0, to: 0)
    #expect(unit.translate(0, .write, for: context).translation != nil)
  }

  @Test("all PASIDs share what a paging domain translates")
  func pagingDomain() throws {
    let guest = try GuestMemory(pages: 4)
    let unit = TranslationUnit()
    for pasid in 0..<8 as Range<UInt32> {
      let context = TranslationContext(
        .paging(guest.stage2), tag: 1, pasid: PASID(rawValue: pasid))
      #expect(unit.translate(0x2000, for: context).translation?.address == guest.host(2))
    }
    #expect(unit.misses == 1 && unit.hits == 7)
  }

  @Test("what is blocked stays so, without a word", arguments: [true, false])
  func blocked(isVTd: Bool) {
    let unit = TranslationUnit()
    let context = TranslationContext(.blocked(isVTd ? .vtd : .smmuv3), tag: 1)
    let fault = unit.translate(0, for: context).fault
    #expect(fault?.stage == .configuration && fault?.isCurable == false)
    #expect(fault?.handling.contains(.isRecorded) == false)
  }
}
