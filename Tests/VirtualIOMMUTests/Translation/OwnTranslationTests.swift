import Hardware
import IOMMU
import Testing
import VirtualIOMMU

@Suite("The unit's own translation")
struct OwnTranslationTests {
  /// A guest in scalable mode whose PASID 5 has a first stage.
  private static func firstStage(
    _ iova: UInt64, leaf: Int = 1, levels: Int = 4, flags: UInt64 = 7, word2: UInt64 = 0
  ) throws -> (guest: WalkGuest, places: [UInt64], page: UInt64) {
    let guest = try WalkGuest()
    guest.writeScalable()
    let top = guest.fresh()
    let page = leaf == 1 ? guest.fresh() : 0
    let places = guest.link(iova, to: page | flags, from: top, levels: levels, leaf: leaf)
    guest.write(5, 0x41, top | word2 | UInt64(levels - 4) << 2)
    return (guest, places, page)
  }

  @Test("a first stage, 4 and 5 levels, three sizes", arguments: [4, 5], [1, 2, 3])
  func first(levels: Int, leaf: Int) throws {
    let iova: UInt64 = levels == 4 ? 0x7FC0_8020_1000 : 0x12_7FC0_8020_1000
    let (guest, places, page) = try Self.firstStage(iova, leaf: leaf, levels: levels)
    // Large pages start at the guest's first page.
    let inside: UInt64 = 0x3010
    let start = iova & ~((1 << UInt64(3 + 9 * leaf)) - 1)
    #expect(
      guest.page(leaf == 1 ? iova + 0x10 : start + inside, pasid: 5)
        == (leaf == 1 ? page + 0x10 : inside))
    for (index, place) in places.enumerated() {
      #expect(guest[place] >> 5 & 1 == 1, "accessed at level \(levels - index)")
      #expect(guest[place] >> 6 & 1 == 0)
    }
    #expect(guest.events.take() == [])
  }

  @Test("a write sets the dirty bit, also when a read has cached the page before")
  func dirty() throws {
    let (guest, places, page) = try Self.firstStage(0x1000)
    #expect(guest.page(0x1000, pasid: 5) == page)
    #expect(guest[places[3]] & 0x60 == 0x20)
    #expect(guest.page(0x1000, .write, pasid: 5) == page)
    #expect(guest[places[3]] & 0x60 == 0x60)
  }

  @Test("supervisor requests heed write protection as WPE says", arguments: [false, true])
  func supervisor(protects: Bool) throws {
    let (guest, _, page) = try Self.firstStage(0x1000, flags: 5, word2: protects ? 0x11 : 1)
    let answer = guest.page(0x1000, [.write, .privileged], pasid: 5)
    #expect(answer == (protects ? nil : page))
    #expect(guest.translate(0x1000, .write, pasid: 5) == .refused(.writeDenied))
  }

  @Test("execution needs ERE and no XD", arguments: [false, true])
  func execute(isData: Bool) throws {
    let (guest, _, page) = try Self.firstStage(
      0x1000, flags: 7 | (isData ? 1 << 63 : 0), word2: 2)
    let answer = guest.translate(0x1000, [.read, .execute], pasid: 5)
    if isData {
      #expect(answer == .refused(.noExecute))
    } else {
      #expect(guest.page(0x1000, [.read, .execute], pasid: 5) == page)
    }
  }

  @Test("the guest's own second stage: levels and page sizes", arguments: [3, 4, 5], [1, 2, 3])
  func second(levels: Int, leaf: Int) throws {
    let guest = try WalkGuest()
    guest.writeScalable()
    let top = guest.fresh()
    // A few pages behind a boundary of 1 GiB, and of 512 GiB where there are such.
    let iova: UInt64 = (levels == 3 ? 0 : 1 << 39) | 0x4000_3000
    let target: UInt64 = leaf == 1 ? guest.fresh() : 0
    guest.link(iova, to: target | 3, from: top, levels: levels, leaf: leaf, flags: 3)
    guest.write(0, top | UInt64(levels - 2) << 2 | 2 << 6)
    #expect(guest.page(iova + 8) == (leaf == 1 ? target : 0x3000) + 8)
    // Nothing is set without SLADE.
    #expect(guest[top + (iova >> UInt64(3 + 9 * levels)) % 512 * 8] & 0x300 == 0)
  }

  @Test("SLADE: accessed and dirty bits of the second stage")
  func secondDirty() throws {
    let guest = try WalkGuest()
    guest.writeScalable()
    let top = guest.fresh()
    let page = guest.fresh()
    let places = guest.link(0x1000, to: page | 3, from: top, flags: 3)
    guest.write(0, top | 2 << 2 | 2 << 6 | 1 << 9)
    #expect(guest.page(0x1000) == page)
    #expect(places.map { guest[$0] & 0x300 } == [0x100, 0x100, 0x100, 0x100])
    #expect(guest.page(0x1000, .write) == page)
    #expect(places.map { guest[$0] & 0x300 } == [0x100, 0x100, 0x100, 0x300])
  }

  struct SecondCase: Sendable, CustomStringConvertible {
    let description: String
    let scalable: UInt8
    let legacy: UInt8
    var entry: UInt64?
    var level = 1
    var iova: UInt64 = 0x1000
    var access: DMAAccess = .read
    var missing: Int?
  }

  static let secondRows: [SecondCase] = [
    .init(description: "an absent leaf", scalable: 0x79, legacy: 6, entry: 0),
    .init(description: "an absent table", scalable: 0x79, legacy: 6, entry: 0x4000, level: 3),
    .init(
      description: "a write to what is read-only", scalable: 0x79, legacy: 5, entry: 0x8001,
      access: .write),
    .init(description: "a read of what is write-only", scalable: 0x79, legacy: 6, entry: 0x8002),
    .init(
      description: "an address above the host's width", scalable: 0x7A, legacy: 0x0C,
      entry: 1 << 46 | 3),
    .init(
      description: "a large page of 512 GiB", scalable: 0x7A, legacy: 0x0C, entry: 0x83,
      level: 4),
    .init(
      description: "2 MiB that is not aligned", scalable: 0x7A, legacy: 0x0C, entry: 0x1083,
      level: 2),
    .init(description: "an input beyond the levels", scalable: 0x83, legacy: 4, iova: 1 << 48),
    .init(description: "a top table that is no memory", scalable: 0x7B, legacy: 3, missing: 0),
    .init(description: "a table that is no memory", scalable: 0x78, legacy: 7, missing: 2),
    .init(
      description: "a result in the interrupt range", scalable: 0x87, legacy: 0x0E,
      entry: 0xFEE0_0003),
  ]

  @Test("what second stages refuse, in both modes", arguments: secondRows, [false, true])
  func secondFaults(_ row: SecondCase, isLegacy: Bool) throws {
    let guest = try WalkGuest()
    let top = guest.fresh()
    let page = guest.fresh()
    let places = guest.link(0x1000, to: page | 3, from: top, flags: 3)
    if isLegacy {
      guest.writeLegacy(top | 1)
      guest.use(.legacy)
    } else {
      guest.writeScalable()
      guest.write(0, top | 2 << 2 | 2 << 6)
    }
    if let entry = row.entry { guest[places[4 - row.level]] = entry }
    if let missing = row.missing { try guest.remap(Int(places[missing] >> 12), []) }
    let reason = VTdFaultReason.code(isLegacy ? row.legacy : row.scalable)
    #expect(guest.translate(row.iova, row.access) == .refused(reason))
    #expect(
      guest.events.take() == [
        VTdFault(
          reason, source: WalkGuest.device.sourceID, address: IOVA(row.iova), access: row.access)
      ])
  }

  @Test("a first stage on a second one, both of the guest")
  func nested() throws {
    let guest = try WalkGuest()
    guest.writeScalable()
    // The second stage leads from 0x100000 up to the first pages.
    let second = guest.fresh()
    let base: UInt64 = 0x10_0000
    var leaves: [UInt64] = []
    for page in 0..<40 as Range<UInt64> {
      leaves.append(
        guest.link(base + page << 12, to: page << 12 | 3, from: second, flags: 3).last ?? 0)
    }
    let top = guest.fresh()
    let page = guest.fresh()
    // The first stage's pointers are addresses of the second.
    var table = top
    let iova: UInt64 = 0x7F12_3456_7000
    var places: [UInt64] = []
    for level in (1...4).reversed() {
      let place = table + (iova >> UInt64(3 + 9 * level)) % 512 * 8
      places.append(place)
      table = level == 1 ? page : guest.fresh()
      guest[place] = table + base | 7
    }
    guest.write(5, second | 2 << 2 | 3 << 6 | 1 << 9, top + base)
    #expect(guest.page(iova + 8, .write, pasid: 5) == page + 8)
    #expect(places.map { guest[$0] & 0x60 } == [0x20, 0x20, 0x20, 0x60])
    // Tables were written, the page too: all have dirty bits in the second stage.
    for place in places + [page] {
      #expect(guest[leaves[Int(place >> 12)]] & 0x300 == 0x300)
    }
    // A table that the second stage protects cannot have its bits set.
    guest[places[3]] = page + base | 7
    guest[leaves[Int(places[3] >> 12)]] &= ~2
    guest.translator.invalidate(.allTranslations)
    #expect(guest.translate(iova, pasid: 5) == .refused(.tableWriteDenied))
    guest[leaves[Int(places[3] >> 12)]] &= ~3
    #expect(guest.translate(iova, pasid: 5) == .refused(.secondStagePermission))
    guest[places[0]] = 1 << 48 | 7
    #expect(guest.translate(iova, pasid: 5) == .refused(.firstStageReserved))
    // A table beyond the three levels that the second stage has now.
    guest[places[0]] = 1 << 45 | 7
    guest.write(5, guest[second] & ~0xFFF | 1 << 2 | 3 << 6, top + base)
    guest.translator.invalidate(.allPASIDs)
    #expect(guest.translate(iova, pasid: 5) == .refused(.guestAddressTooWide))
  }

  @Test("passing through, in both modes, up to the host's width", arguments: [false, true])
  func passThrough(isLegacy: Bool) throws {
    let guest = try WalkGuest()
    if isLegacy {
      guest.writeLegacy(9)
      guest.use(.legacy)
    } else {
      guest.writeScalable()
      guest.write(0, 0x109)
    }
    #expect(guest.page(0x5678) == 0x5678)
    #expect(guest.translate(0x100_0000) == .outside(GuestPhysicalAddress(0x100_0000)))
    #expect(
      guest.translate(1 << 46)
        == .refused(isLegacy ? .legacyInputTooWide : .resultTooWide))
  }

  @Test("with translation off, addresses are physical, and PASIDs are blocked without a word")
  func off() throws {
    let guest = try WalkGuest(isOn: false)
    #expect(guest.page(0x3010) == 0x3010)
    #expect(guest.translate(0x3010, pasid: 1) == .refused(.none))
    #expect(guest.translate(1 << 40) == .outside(GuestPhysicalAddress(1 << 40)))
    #expect(guest.translate(0xFEE0_1000, .write) == .interrupt)
    #expect(guest.events.take() == [])
  }

  @Test("the interrupt range: messages without PASID, no memory with one")
  func interruptRange() throws {
    let guest = try WalkGuest()
    guest.writeScalable()
    guest.write(0, 0x109)
    guest.write(5, 0x109)
    #expect(guest.translate(0xFEE0_1004, .write) == .interrupt)
    #expect(guest.translate(0xFEE0_1004) == .refused(.interruptRange))
    #expect(guest.translate(0xFEE0_1004, .write, pasid: 5) == .refused(.interruptRange))
    #expect(guest.events.take().count == 2)
    var bytes = [UInt8](repeating: 1, count: 64)
    let outcome = guest.endpoint.write(to: IOVA(0xFEDF_FFF0), from: bytes.span)
    #expect(
      outcome.byteCount == 0 && outcome.obstacle == .outside(GuestPhysicalAddress(0xFEDF_FFF0)))
    var span = bytes.mutableSpan
    let other = guest.endpoint.read(from: IOVA(0xFEE0_0000), into: &span)
    #expect(other.byteCount == 0 && other.obstacle == .refused(.interruptRange))
  }

  @Test("bytes go across pages that are no neighbours")
  func bytes() throws {
    let guest = try WalkGuest()
    guest.writeScalable()
    let top = guest.fresh()
    let pages = [guest.fresh(), guest.fresh()]
    guest.link(0x20_0000, to: pages[1] | 7, from: top)
    guest.link(0x20_1000, to: pages[0] | 7, from: top)
    guest.write(5, 0x41, top)
    let bytes = (0..<16).map { UInt8($0) }
    let pasid = PASID(rawValue: 5)
    let outcome = guest.endpoint.write(to: IOVA(0x20_0FF8), from: bytes.span, pasid)
    #expect(outcome == VTdOutcome(byteCount: 16, obstacle: nil))
    #expect(guest[pages[1] + 0xFF8] == 0x0706_0504_0302_0100)
    #expect(guest[pages[0]] == 0x0F0E_0D0C_0B0A_0908)
    var back = [UInt8](repeating: 0, count: 4100)
    var span = back.mutableSpan
    let read = guest.endpoint.read(from: IOVA(0x20_0FF8), into: &span, pasid)
    #expect(read.byteCount == 4096 + 8 && read.obstacle == nil || read.byteCount == 4100)
    #expect(Array(back[..<16]) == bytes)
    let beyond = guest.endpoint.write(to: IOVA(0x20_1FF8), from: bytes.span, pasid)
    #expect(beyond == VTdOutcome(byteCount: 8, obstacle: .refused(.firstStageNotPresent)))
    #expect(guest.events.take().map(\.address) == [IOVA(0x20_2000)])
  }

  @Test("faults are told after the transaction, and only some of them")
  func manyFaults() throws {
    let guest = try WalkGuest()
    guest.writeScalable()
    let told = guest.endpoint.withRequests { requests in
      for page in 0..<200 as Range<UInt64> {
        _ = requests.translate(IOVA(page << 12), .read)
      }
      return guest.events.take().count
    }
    #expect(told == 0)
    #expect(guest.events.take().count == 64)
  }
}
