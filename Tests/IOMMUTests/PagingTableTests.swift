import Hardware
import IOMMU
import TestSupport
import Testing

@Suite("A paging table")
struct PagingTableTests {
  private static let page: UInt64 = 4096

  @Test("maps and unmaps like a dictionary of pages", arguments: 3...5, 0..<4)
  func model(levels: Int, seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed * 10 + levels))
    let table = PagingTable(levels: levels)
    var model: [UInt64: UInt64] = [:]
    // Bases around the borders of tables of every level, and the ends of the space.
    let top = (1 as UInt64) << UInt64(table.inputWidth - 12)
    let bases = [0, 512, 1 << 18, top / 2, top - 2048].map { $0 as UInt64 }
    for _ in 0..<400 {
      let base = bases.randomElement(using: &random) ?? 0
      let first = min(top - 1, base &+ .random(in: 0..<1100, using: &random))
      let count = min(top - first, .random(in: 1...700, using: &random))
      let range = first..<first + count
      if Bool.random(using: &random) {
        let host = UInt64.random(in: 1...1 << 30, using: &random)
        let overlap = range.first { model[$0] != nil }
        do throws(PagingError) {
          try table.map(
            IOVA(first << 12), byteCount: count << 12, to: HostAddress(host << 12),
            allowing: [.read, .write])
          #expect(overlap == nil)
          for page in range { model[page] = host + (page - first) }
        } catch {
          #expect(error == overlap.map { .overlaps(IOVA($0 << 12)) })
        }
      } else {
        let there = range.filter { model.removeValue(forKey: $0) != nil }
        #expect(try table.unmap(IOVA(first << 12), byteCount: count << 12) == there.count)
        if Bool.random(using: &random) { table.reclaim() }
      }
      #expect(table.mappedPages == model.count)
      for _ in 0..<20 {
        let page = min(top - 1, base &+ .random(in: 0..<2000, using: &random))
        let found = table.mapping(at: IOVA(page << 12 | 0x123))
        #expect(found?.address.rawValue == model[page].map { $0 << 12 | 0x123 })
      }
    }
    try table.unmap(IOVA(0), byteCount: top << 12)
    table.reclaim()
    #expect(table.mappedPages == 0 && table.tableBlocks == 1)
  }

  @Test("gives tables back only when told that nobody walks them")
  func reclaiming() throws {
    let table = PagingTable()
    try table.map(
      IOVA(1 << 40), byteCount: Self.page, to: HostAddress(1 << 20), allowing: .read)
    #expect(table.tableBlocks == 4)
    try table.unmap(IOVA(1 << 40), byteCount: Self.page)
    #expect(table.tableBlocks == 4)
    table.reclaim()
    #expect(table.tableBlocks == 1)
  }

  @Test(
    "refuses what it cannot map",
    arguments: [
      (0x10, 4096, 0, [.read], .misaligned), (0, 0, 0, [.read], .misaligned),
      (0, 100, 0, [.read], .misaligned), (0, 4096, 0x800, [.read], .misaligned),
      (1 << 48, 4096, 0, [.read], .outsideInput),
      ((1 << 48) - 4096, 8192, 0, [.read], .outsideInput),
      (0, 8192, (1 << 52) - 4096, [.read], .outsideHost), (0, 4096, 0, [.execute], .noAccess),
      (0, .max & ~4095, 0, [.read], .outsideInput),
    ] as [(UInt64, UInt64, UInt64, DMAAccess, PagingError)])
  func refusals(
    iova: UInt64, byteCount: UInt64, page: UInt64, access: DMAAccess, error: PagingError
  ) {
    let table = PagingTable()
    #expect(throws: error) {
      try table.map(
        IOVA(iova), byteCount: byteCount, to: HostAddress(page), allowing: access)
    }
    #expect(table.mappedPages == 0)
  }

  @Test("keeps the number of the space in its leaves")
  func spaces() throws {
    let table = PagingTable()
    let host = HostAddress(0xF_FFFF_FFFF_F000, space: 1023)
    try table.map(IOVA(0), byteCount: 4096, to: host, allowing: .write)
    let found = try #require(table.mapping(at: IOVA(0xFFF)))
    #expect(found.address.space == 1023 && found.address.address == 0xF_FFFF_FFFF_FFFF)
    #expect(found.access == .write)
  }

  @Test("answers requests by its rights, in its unit's words", arguments: [true, false])
  func faults(isVTd: Bool) throws {
    let guest = try GuestMemory(
      pages: 4, dialect: isVTd ? .vtd : .smmuv3, mapping: false)
    try guest.map(0, .read)
    try guest.map(1, .write)
    let unit = TranslationUnit()
    let context = TranslationContext(.paging(guest.stage2), tag: 1)
    #expect(unit.translate(0, .read, for: context).translation?.address == guest.host(0))
    #expect(unit.translate(4096, .write, for: context).translation?.address == guest.host(1))
    let expected: [(UInt64, DMAAccess, FaultReason, FaultReason, Bool)] = [
      (0, .write, .vtd(.secondStagePermission), .smmu(.permission, .input), true),
      (4096, .read, .vtd(.secondStagePermission), .smmu(.permission, .input), true),
      (4096, .execute, .vtd(.secondStagePermission), .smmu(.permission, .input), true),
      (8192, .read, .vtd(.secondStagePermission), .smmu(.translation, .input), true),
      (1 << 48, .read, .vtd(.inputTooWide), .smmu(.translation, .input), false),
    ]
    for (iova, access, vtd, smmu, isCurable) in expected {
      let fault = try #require(unit.translate(iova, access, for: context).fault)
      #expect(fault.reason == (isVTd ? vtd : smmu))
      #expect(fault.stage == .second && fault.isCurable == isCurable)
      #expect(fault.address == IOVA(iova))
    }
  }

  @Test("notes writes while it is asked to, and only then", arguments: [true, false])
  func dirty(clearing: Bool) throws {
    let guest = try GuestMemory(pages: 16)
    let unit = TranslationUnit()
    let context = TranslationContext(.paging(guest.stage2), tag: 1)
    func dirtyPages(clearing: Bool) throws -> [UInt64] {
      var pages: [UInt64] = []
      try guest.stage2.forEachDirtyPage(from: IOVA(0), byteCount: 16 << 12, clearing: clearing) {
        pages.append($0.rawValue >> 12)
      }
      unit.iotlb.invalidate(tag: 1)
      return pages
    }
    _ = unit.translate(2 << 12, .write, for: context)
    #expect(try dirtyPages(clearing: false) == [])
    guest.stage2.setDirtyTracking(true)
    unit.iotlb.invalidate(tag: 1)
    for page in [7, 3, 3, 15] as [UInt64] {
      _ = unit.translate(page << 12, .read, for: context)
      _ = unit.translate(page << 12, .write, for: context)
    }
    _ = unit.translate(9 << 12, .read, for: context)
    #expect(try dirtyPages(clearing: clearing) == [3, 7, 15])
    #expect(try dirtyPages(clearing: clearing) == (clearing ? [] : [3, 7, 15]))
    // A read fills the cache; the write that follows is noted all the same.
    _ = unit.translate(9 << 12, .read, for: context)
    _ = unit.translate(9 << 12, .write, for: context)
    #expect(try dirtyPages(clearing: true).contains(9))
    guest.stage2.setDirtyTracking(false)
    _ = unit.translate(9 << 12, .write, for: context)
    #expect(try dirtyPages(clearing: false) == [])
    guest.stage2.setDirtyTracking(true)
    #expect(try dirtyPages(clearing: false) == [])
  }

  @Test("ends at the first gap when asked to")
  func gap() throws {
    let guest = try GuestMemory(pages: 8)
    guest.stage2.setDirtyTracking(true)
    let unit = TranslationUnit()
    let context = TranslationContext(.paging(guest.stage2), tag: 1)
    for page in 0..<8 as Range<UInt64> { _ = unit.translate(page << 12, .write, for: context) }
    try guest.unmap(5)
    var pages: [UInt64] = []
    let end = try guest.stage2.forEachDirtyPage(
      from: IOVA(1 << 12), byteCount: 7 << 12, clearing: true, untilGap: true
    ) { pages.append($0.rawValue >> 12) }
    #expect(end == IOVA(5 << 12) && pages == [1, 2, 3, 4])
  }
}
