import Hardware
import IOMMU
import TestSupport
import Testing
import VirtualIOMMU

@Suite("Own walks of random tables")
struct RandomWalkTests {
  private static let first = 8
  private static let pages = 32

  /// A guest whose pages from 8 on hold random entries, and what memory allows.
  private static func guest(
    _ tables: inout RandomTables, rights: Bool = true
  ) throws -> (WalkGuest, [UInt64: DMAAccess]) {
    let guest = try WalkGuest(pages: pages, mapping: false)
    var allowed: [UInt64: DMAAccess] = [:]
    for page in 0..<pages {
      let choice = page < first || !rights ? 0 : Int.random(in: 0..<20, using: &tables.random)
      let access: DMAAccess = choice < 18 ? [.read, .write] : choice == 18 ? .read : []
      allowed[UInt64(page)] = access
      if !access.isEmpty { try guest.map(page, access) }
    }
    for page in UInt64(first)..<UInt64(pages) {
      for index in places { guest[page << 12 | index << 3] = tables.entry() }
    }
    guest.writeScalable()
    // A second stage of one page of 1 GiB, from its top and from its level 3.
    guest[0x6000] = 0x7007
    guest[0x7000] = 0x87
    return (guest, allowed)
  }

  private static let places = Array(0..<4 as Range<UInt64>) + Array(508..<512 as Range<UInt64>)

  /// Random numbers of pages that hold tables.
  private static func root(_ tables: inout RandomTables) -> UInt64 {
    UInt64.random(in: UInt64(first)..<UInt64(pages), using: &tables.random) << 12
  }

  private static func snapshot(_ guest: WalkGuest) -> [UInt64: UInt64] {
    var words: [UInt64: UInt64] = [:]
    for page in 6..<UInt64(pages) {
      for index in places { words[page << 12 | index << 3] = guest[page << 12 | index << 3] }
    }
    return words
  }

  enum Kind: CaseIterable {
    case first, second, nested, passThrough, legacy
  }

  @Test("agree with a plain walk, bits in the tables included", arguments: Kind.allCases, 0..<8)
  func plain(kind: Kind, seed: Int) throws {
    var tables = RandomTables(pages: Self.pages + 1, seed: UInt64(seed) + 100)
    let (guest, allowed) = try Self.guest(&tables)
    var reached = 0
    var refused: Set<UInt8> = []
    for _ in 0..<400 {
      var reference = GuestReference(memory: allowed, read: { guest[$0] })
      let pasid: UInt32 = 5
      let flags = UInt64.random(in: 0..<256, using: &tables.random)
      let levels = 4 + seed & 1
      let secondLevels = 3 + Int(flags >> 6) % 3
      var access = tables.access()
      var word0: UInt64 = 1 << 2
      var word2: UInt64 = 0
      if kind == .first || kind == .nested {
        let first = GuestReference.First(
          root: Self.root(&tables), levels: levels, sre: flags & 3 != 0, ere: flags & 12 != 0,
          wpe: flags & 16 != 0, eafe: flags & 32 != 0)
        reference.first = first
        word2 = first.root | (first.sre ? 1 : 0) | (first.ere ? 2 : 0)
        word2 |= UInt64(levels - 4) << 2 | (first.wpe ? 1 << 4 : 0) | (first.eafe ? 1 << 7 : 0)
      }
      if kind != .first && kind != .passThrough {
        // A first stage on a random second stage seldom gets far.
        let isSound = kind == .nested && secondLevels < 5 && !tables.chance(4)
        let top: UInt64 = secondLevels == 4 ? 0x6000 : 0x7000
        let second = GuestReference.Second(
          root: isSound ? top : Self.root(&tables), levels: secondLevels,
          slade: kind != .legacy && tables.chance(2), slee: kind != .legacy && tables.chance(2),
          isLegacy: kind == .legacy)
        reference.second = second
        word0 = second.root | UInt64(secondLevels - 2) << 2
        word0 |= (second.slee ? 1 << 5 : 0) | (second.slade ? 1 << 9 : 0)
      }
      let types: [Kind: UInt64] = [.first: 1, .second: 2, .nested: 3, .passThrough: 4]
      if kind == .legacy {
        access.formIntersection([.read, .write])
        guest.use(.legacy)
        guest.writeLegacy(word0 & ~0xFFF | 1, UInt64(secondLevels - 2) | 9 << 8)
      } else {
        // Walks may have set bits in these too.
        guest.writeScalable()
        guest.write(UInt64(pasid), word0 | (types[kind] ?? 0) << 6, word2)
        guest.translator.invalidate(.allPASIDs)
      }
      guest.translator.invalidate(.allTranslations)
      let iova = tables.address(levels: kind == .first || kind == .nested ? levels : secondLevels)
      // A write without PASID to this range is no memory at all.
      if kind == .legacy, iova >> 20 == 0xFEE { continue }
      let expected = reference.walk(iova, access)
      // Tables that are changed by their own second stage's bits are looked at elsewhere.
      if expected == .fault(0xFE) { continue }
      let before = Self.snapshot(guest)
      let answer = guest.translate(iova, access, pasid: kind == .legacy ? nil : pasid)
      switch answer {
      case .success(let found):
        #expect(guest.physical(found.address).map { .page($0) } == expected, "\(iova.hex)")
        #expect(found.permissions.isSuperset(of: access))
        reached += 1
      case .outside(let address): #expect(.outside(address.rawValue) == expected, "\(iova.hex)")
      case .refused(let reason):
        #expect(.fault(reason.rawValue) == expected, "\(iova.hex) \(access)")
        refused.insert(reason.rawValue)
      case .interrupt: Issue.record("an interrupt")
      }
      let after = before.merging(reference.writes) { _, new in new }
      #expect(Self.snapshot(guest) == after, "\(iova.hex)")
    }
    _ = guest.events.take()
    #expect(reached > 2 && (kind == .passThrough || refused.count > 2), "\(reached) \(refused)")
  }

  @Test("agree with nesting on a host, faults included", arguments: 0..<16)
  func nestedOnHost(seed: Int) throws {
    var tables = RandomTables(pages: Self.pages + 1, seed: UInt64(seed))
    let (guest, _) = try Self.guest(&tables)
    let host = TranslationUnit(cacheCapacity: 8)
    var (reached, beyond) = (0, 0)
    for tag in 1..<500 as Range<UInt32> {
      let root = Self.root(&tables)
      let flags = UInt64.random(in: 0..<16, using: &tables.random)
      let levels = 4 + seed & 1
      // SRE, WPE, EAFE and ERE, as the PASID entry and as iommufd have them.
      let word2 =
        flags & 1 | (flags & 8) >> 2 | UInt64(levels - 4) << 2 | (flags & 4) << 2
        | (flags & 2) << 6
      // Walks may have set bits in these too.
      guest.writeScalable()
      guest.write(5, 0x41, root | word2)
      guest.translator.invalidate(.allPASIDs)
      guest.translator.invalidate(.allTranslations)
      let nested = VTdNestedTable(
        parent: guest.table, root: GuestPhysicalAddress(root), levels: levels,
        options: VTdNestedTable.Options(rawValue: flags & 7 | (flags & 8) << 29),
        hostAddressWidth: 46)
      let (iova, access) = (tables.address(levels: levels), tables.access())
      let before = Self.snapshot(guest)
      let own = guest.translate(iova, access, pasid: 5)
      let ownAfter = Self.snapshot(guest)
      for (place, word) in before { guest[place] = word }
      let context = TranslationContext(
        .vtdNested(nested), tag: tag, pasid: PASID(rawValue: 5))
      let other = host.withDMA { $0.translate(IOVA(iova), access, for: context) }
      #expect(Self.agrees(own, other), "\(iova.hex) \(access): \(own), \(other)")
      // A write that the host refuses leaves an accessed bit that the own walk could set, or not.
      #expect(Self.snapshot(guest) == ownAfter)
      if case .success = own { reached += 1 }
      if case .outside = own { beyond += 1 }
    }
    #expect(reached > 10 && beyond > 0, "\(reached) \(beyond)")
  }

  /// Whether both ways say the same.
  ///
  /// Below a host's second stage, memory that is not there is the host's fault; walked here, it is a
  /// table that cannot be read, or an address that is for the bus. All else is the same code.
  static func agrees(_ own: VTdAnswer, _ other: TranslationResult) -> Bool {
    switch (own, other) {
    case (.success(let a), .success(let b)):
      a.address == b.address && a.permissions == b.permissions
    case (.outside(let address), .fault(let fault)):
      fault.stage == .second && fault.intermediate == address
    case (.refused(let reason), .fault(let fault)):
      fault.stage != .second
        ? fault.reason == .vtd(reason)
        : [0x70, 0x73, 0x91].contains(reason.rawValue)
          || reason == .interruptRange && fault.intermediate.rawValue >> 20 == 0xFEE
    default: false
    }
  }
}
