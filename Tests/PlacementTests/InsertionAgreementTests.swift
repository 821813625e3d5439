import Hardware
import PCIe
import TestSupport
import Testing

@testable import Placement

/// What placement grades better than refused can be written, and gives the list that it should.
@Suite("Placement and insertion agree")
struct InsertionAgreementTests {
  @Test("on each fixture and dump, at every dword", arguments: Cases.all)
  func all(_ fixture: Fixture) {
    var generator = SplitMix64(seed: fixture.seed)
    agree(fixture.config)
    guard PlacementOracle.isUsable(fixture.config) else { return }
    agree(fixture.config, view: Cases.view(of: fixture.config, using: &generator))
    agree(fixture.config, view: Fixtures.mutated(fixture.config, using: &generator))
  }

  @Test("on random lists and changed fixtures", arguments: 0..<40 as Range<UInt64>)
  func random(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    for index in 0..<4 as Range<UInt64> {
      var config = Fixtures.randomRegisters(seed: seed * 4 + index)
      if index % 2 == 1 { config = Fixtures.mutated(config, using: &generator) }
      agree(config)
    }
  }

  @Test("on IDE blocks that run past the end, wherever they are", arguments: 0..<16)
  func encryption(streams: Int) {
    for place in [0xE00, 0xF00, 0xF80, 0xFC0] {
      var device = Fixtures.endpoint()
      device.putChain((0x18, 0x100), (0x30, place), (0x0F, 0x400))
      device.put32(UInt32(streams) << 16 | 2, at: place + 4)
      device.put32(0xF, at: min(place + 0x20, 0xFFC))
      agree(device.config)
    }
  }

  private func agree(_ config: ConfigSpace, view: ConfigSpace? = nil) {
    let base = view ?? config
    let layout = LayoutMap(of: base)
    let evidence = Cases.evidence(config, view: view)
    let placer = Placer(evidence)
    guard evidence.space == .usable else {
      #expect(evidence.pasid != nil || placer.decide().outcome == .refused)
      return
    }
    let new = PASIDCapability().extendedCapability
    let isPlain = view == nil && !evidence.entries.contains { $0.id == 0x30 && $0.size == nil }
    let candidates = placer.candidates
    for offset in stride(from: 0x100, through: 0xFFC, by: 4) {
      let isPlaced = candidates.grade(at: offset) != .refused
      guard isPlaced || isPlain else { continue }
      let insertion = try? layout.inserting(new, at: offset, in: base)
      if isPlaced, insertion == nil { Issue.record("\(offset.hex) is placed, but not insertable") }
      if !isPlaced, insertion != nil { Issue.record("\(offset.hex) is refused, but insertable") }
    }
    for best in placer.decide().alternatives.map(\.offset) + [candidates.best?.offset ?? 0] {
      guard let insertion = try? layout.inserting(new, at: best, in: base) else { continue }
      checkGuest(base, insertion)
    }
  }

  /// The guest walks to the old entries and the new one, and nothing else is different.
  private func checkGuest(_ base: ConfigSpace, _ insertion: CapabilityInsertion) {
    let guest = base.applying(insertion.patches)
    let old = ReferenceWalk.extended(base.bytes).entries
    let new = ReferenceWalk.extended(guest.bytes)
    let added = ReferenceEntry(id: 0x1B, version: 1, offset: insertion.offset)
    let isHead = { (entry: ReferenceEntry) in entry.id == 0 && entry.offset == 0x100 }
    #expect(new.isIntact && new.entries.contains(added))
    #expect(
      new.entries.filter { $0 != added && !isHead($0) } == old.filter { !isHead($0) })
    var expected = base.bytes
    for patch in insertion.patches {
      for byte in 0..<4 {
        expected[patch.offset + byte] = UInt8(truncatingIfNeeded: patch.value >> UInt32(8 * byte))
      }
    }
    #expect(guest.bytes == expected)
  }
}
