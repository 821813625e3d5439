import Hardware
import IOMMU
import TestSupport
import Testing

@Suite("A paging table")
struct PagingTableTests {
  private static let page: UInt64 = 4096

  /// The later seeds are for tables with large leaves, which differ in nothing that shows here.
  @Test("maps and unmaps like a dictionary of pages", arguments: 3...5, 0..<8)
  func model(levels: Int, seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed * 10 + levels))
    let hasLargeLeaves = seed >= 4
    let table = PagingTable(levels: levels, hasLargeLeaves: hasLargeLeaves)
    var model: [UInt64: UInt64] = [:]
    // Bases around the borders of tables of every level, and the ends of the space.
    let top = (1 as UInt64) << UInt64(table.inputWidth - 12)
    let bases = [0, 512, 1 << 18, top / 2, top - 2048].map { $0 as UInt64 }
    for _ in 0..<400 {
      let base = bases.randomElement(using: &random) ?? 0
      var first = min(top - 1, base &+ .random(in: 0..<1100, using: &random))
      var count = min(top - first, .random(in: 1...700, using: &random))
      if hasLargeLeaves, Bool.random(using: &random) {
        first &= ~511
        count = min(top - first, 512 * .random(in: 1...3, using: &random))
      }
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

  @Test("keeps gigabytes in a few leaves, and cuts them where a part is removed")
  func largeLeaves() throws {
    let table = PagingTable(hasLargeLeaves: true)
    let (start, size) = (3 << 30 as UInt64, 4 << 30 as UInt64)
    // A host's pages need not be aligned as a guest's are.
    let host: UInt64 = 0x7777_7777_7000
    func check(_ address: UInt64, _ isThere: Bool) {
      let found = table.mapping(at: IOVA(address))
      #expect(found?.address == (isThere ? HostAddress(host + (address - start)) : nil))
    }
    let edges = [0, 0xFFF, 1 << 21, 1 << 30, (1 << 30) - 1, (5 << 29) + 0x12345, size - 1]
      .map { start + $0 as UInt64 }
    try table.map(IOVA(start), byteCount: size, to: HostAddress(host), allowing: [.read, .write])
    // The root, and the table of the leaves.
    #expect(table.tableBlocks == 2 && table.mappedPages == Int(size >> 12))
    for edge in edges { check(edge, true) }
    check(start - 1, false)
    check(start + size, false)
    #expect(throws: PagingError.overlaps(IOVA(start + (1 << 30) + 4096))) {
      try table.map(
        IOVA(start + (1 << 30) + 4096), byteCount: 4096, to: HostAddress(host), allowing: .read)
    }
    #expect(throws: PagingError.overlaps(IOVA(start))) {
      try table.map(IOVA(0), byteCount: 4 << 30, to: HostAddress(host), allowing: .read)
    }
    #expect(table.mappedPages == Int(size >> 12))
    // One page of the second leaf: that is 511 of 2 MiB then, and 511 of 4 KiB.
    let hole = start + (1 << 30) + (7 << 21) + 0x3000
    #expect(try table.unmap(IOVA(hole), byteCount: 4096) == 1)
    #expect(table.tableBlocks == 4)
    for address in [hole - 1, hole + 4096] + edges { check(address, true) }
    for address in [hole, hole + 4095] { check(address, false) }
    try table.map(
      IOVA(hole), byteCount: 4096, to: HostAddress(host + hole - start), allowing: .read)
    check(hole + 5, true)
    #expect(table.mapping(at: IOVA(hole))?.access == .read)
    #expect(try table.unmap(IOVA(start), byteCount: size) == Int(size >> 12))
    for address in edges { check(address, false) }
    table.reclaim()
    #expect(table.tableBlocks == 1)
  }

  @Test("is as good as new when much was mapped and all is gone")
  func emptied() throws {
    let table = PagingTable()
    let size: UInt64 = 3 << 30
    for round in 0..<2 as Range<UInt64> {
      try table.map(
        IOVA(round << 30), byteCount: size, to: HostAddress(1 << 40), allowing: .read)
      #expect(
        table.mapping(at: IOVA((round << 30) + size - 1))?.address.address == (1 << 40) + size - 1)
      #expect(table.tableBlocks > 1536)
      try table.unmap(IOVA(0), byteCount: 1 << 48)
      table.reclaim()
      #expect(table.tableBlocks == 1)
      #expect(table.mapping(at: IOVA(round << 30)) == nil)
    }
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
