import Hardware
import HostSystem
import IOMMU
import TestSupport
import Testing

@Suite("The nested walk of VT-d")
struct VTdWalkTests {
  @Test("agrees with a plain walk on random tables", arguments: 0..<24)
  func random(seed: Int) throws {
    var tables = RandomVTdTables(pages: 24, seed: UInt64(seed))
    let guest = try GuestMemory(pages: 24, levels: 3 + seed % 3, mapping: false)
    var reference = VTdReference(guest: guest, stage2: [:], width: guest.stage2.inputWidth)
    reference.levels = 4 + seed & 1
    reference.hostAddressWidth = seed % 5 == 0 ? 46 : 52
    reference.options = VTdNestedTable.Options(
      rawValue: UInt64(seed) & 7 | UInt64(seed & 8) << 29)
    for page in 0..<24 {
      let rights: [DMAAccess] = [[.read, .write], .read, .write, []]
      let choice = Int.random(in: 0..<16, using: &tables.random)
      let access = rights[choice < 12 ? 0 : choice - 12]
      if !access.isEmpty { try guest.map(page, access) }
      reference.stage2[UInt64(page)] = access
      // Few different indices, so that requests go deep.
      guard access.contains(.write) || access.contains(.read) else { continue }
      for index in 0..<4 as Range<UInt64> {
        guest[UInt64(page) << 12 | index << 3] = tables.entry()
        guest[UInt64(page) << 12 | (511 - index) << 3] = tables.entry()
      }
    }
    var reached = 0
    let unit = TranslationUnit(cacheCapacity: 8)
    for tag in 0..<3000 as Range<UInt32> {
      let root = UInt64.random(in: 0..<24, using: &tables.random) << 12
      let table = VTdNestedTable(
        parent: guest.stage2, root: GuestPhysicalAddress(root), levels: reference.levels,
        options: reference.options, hostAddressWidth: reference.hostAddressWidth)
      var iova = UInt64.random(in: 0..<4096, using: &tables.random)
      for level in 0..<reference.levels {
        let index = UInt64.random(in: 0..<4, using: &tables.random)
        iova |= index << UInt64(12 + 9 * level)
      }
      if Int.random(in: 0..<8, using: &tables.random) == 0 { iova = ~iova }
      if Int.random(in: 0..<30, using: &tables.random) == 0 { iova = tables.random.next() }
      let access = DMAAccess(
        rawValue: [1, 1, 2, 2, 3, 5, 9, 10][Int.random(in: 0..<8, using: &tables.random)])
      let expected = reference.walk(root: root, iova, access)
      let context = TranslationContext(.vtdNested(table), tag: tag)
      switch unit.translate(iova, access, for: context) {
      case .success(let translation):
        let page = guest.host(Int(translation.page(in: guest)))
        #expect(translation.address.rawValue & ~0xFFF == page.rawValue)
        #expect(
          expected.answer == .page(translation.page(in: guest) << 12 | iova & 0xFFF),
          "\(iova.hex) \(access)")
        #expect(translation.permissions.isSuperset(of: access))
        reached += 1
      case .fault(let fault):
        guard case .vtd(let reason) = fault.reason else {
          Issue.record("another unit's reason: \(fault)")
          continue
        }
        #expect(expected.answer == .fault(reason.rawValue), "\(iova.hex) \(access)")
        #expect(fault.isCurable == [0x71, 0x81, 0x82, 0x85].contains(reason.rawValue))
      }
      for (place, entry) in expected.writes { #expect(guest[place] == entry) }
    }
    #expect(reached > 20)
  }
}

extension Translation {
  /// The guest page whose memory this is.
  func page(in guest: GuestMemory) -> UInt64 {
    UInt64(guest.pages) - 1 - (address.address - guest.memory.address) >> 12
  }
}
