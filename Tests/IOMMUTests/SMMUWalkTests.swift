import Hardware
import HostSystem
import IOMMU
import TestSupport
import Testing

@Suite("The streams of SMMUv3")
struct SMMUWalkTests {
  @Test("agree with a plain reading on random tables", arguments: 0..<36)
  func random(seed: Int) throws {
    let count = 64
    var tables = RandomSMMUTables(pages: count, seed: UInt64(seed))
    let guest = try GuestMemory(
      pages: count, levels: 3 + seed % 3, dialect: .smmuv3, mapping: false)
    var reference = SMMUReference(guest: guest, stage2: [:], width: guest.stage2.inputWidth)
    let granule = UInt64(seed % 3)
    if seed % 4 == 1 { reference.features.hardwareUpdates = .access }
    if seed % 4 == 2 { reference.features.hardwareUpdates = .none }
    if seed % 7 == 3 { reference.features.outputBits = 52 }
    if seed % 9 == 4 { reference.features.granules = .size4K }
    if seed % 5 == 4 { reference.features.stallModel = .terminateOnly }
    if seed % 11 == 4 { reference.features.substreamBits = 5 }
    for page in 0..<count {
      let rights: [DMAAccess] = [[.read, .write], .read, .write, []]
      let choice = Int.random(in: 0..<24, using: &tables.random)
      let access = rights[choice < 20 ? 0 : choice - 20]
      if !access.isEmpty { try guest.map(page, access) }
      reference.stage2[UInt64(page)] = access
      for index in 0..<512 as Range<UInt64> {
        guest[UInt64(page) << 12 | index << 3] = tables.entry()
      }
    }
    // Pages 0 to 3 hold descriptors, page 4 a table of them.
    for index in 0..<256 as Range<UInt64> {
      for (word, value) in tables.descriptor(granule: granule).enumerated() {
        guest[index << 6 | UInt64(word) << 3] = value
      }
    }
    for index in 0..<8 as Range<UInt64> { guest[0x4000 | index << 3] = (index & 3) << 12 | 1 }
    var reached = 0
    let unit = TranslationUnit(cacheCapacity: 8)
    for tag in 0..<4000 as Range<UInt32> {
      let access = DMAAccess(
        rawValue: [1, 1, 2, 2, 3, 5, 9, 10, 13][Int.random(in: 0..<9, using: &tables.random)])
      let (ste, ssid, iova) = request(&tables, granule)
      var writes: SMMUReference.Writes = [:]
      let expected = Result { () throws(SMMUReference.Refusal) -> UInt64 in
        try reference.translate(ste, iova, access, ssid: ssid, &writes)
      }
      let stream = SMMUStreamTable(
        parent: guest.stage2, entry: ste, features: reference.features)
      let context = TranslationContext(
        .smmuStream(stream), tag: tag, pasid: ssid.flatMap { PASID(rawValue: $0) }, stream: tag)
      switch (unit.translate(iova, access, for: context), expected) {
      case (.success(let found), .success(let address)):
        #expect(found.page(in: guest) << 12 | iova & 0xFFF == address)
        #expect(found.permissions.isSuperset(of: access))
        reached += 1
      case (.fault(let fault), .failure(let refusal)):
        guard case .smmu(let event, let kind) = fault.reason else {
          Issue.record("another unit's reason: \(fault)")
          continue
        }
        #expect(event.rawValue == refusal.event, "\(iova.hex) \(access)")
        #expect(kind.rawValue == refusal.kind && (fault.stage == .second) == refusal.isStage2)
      case (let found, let expected):
        Issue.record("\(iova.hex) \(access): \(found), expected \(expected)")
      }
      for (place, entry) in writes { #expect(guest[place] == entry) }
    }
    #expect(reached > 20)
  }

  private func request(
    _ tables: inout RandomSMMUTables, _ granule: UInt64
  ) -> (SMMUStreamTableEntry, UInt32?, UInt64) {
    let isTwoLevel = tables.chance(2)
    var ste = SMMUWords.ste(
      format: isTwoLevel ? 1 : 0, pointer: isTwoLevel ? 0x4000 : 0,
      bits: .random(in: 0...8, using: &tables.random),
      dss: .random(in: 0...2, using: &tables.random))
    if tables.chance(20) {
      ste = SMMUStreamTableEntry(
        word0: ste.word0 ^ 1 << UInt64.random(in: 0..<64, using: &tables.random),
        word1: ste.word1 ^ 1 << UInt64.random(in: 0..<4, using: &tables.random))
    }
    let ssid: UInt32? =
      tables.chance(3) ? nil : .random(in: 0..<(tables.chance(4) ? 300 : 16), using: &tables.random)
    var iova = tables.random.next() >> UInt64.random(in: 16...50, using: &tables.random)
    if tables.chance(3) { iova = ~iova }
    if tables.chance(10) { iova ^= UInt64.random(in: 0...255, using: &tables.random) << 56 }
    return (ste, ssid, iova)
  }
}
