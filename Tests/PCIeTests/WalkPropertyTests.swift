import Hardware
import PCIe
import TestSupport
import Testing

@Suite("The walk over anything")
struct WalkPropertyTests {
  @Test("each fixture", arguments: Fixtures.all)
  func fixtures(_ fixture: Fixture) { check(fixture.config) }

  @Test("each real dump", arguments: RealDumps.all)
  func dumps(_ dump: RealDump) { check(dump.config) }

  @Test("random bytes", arguments: 0..<10 as Range<UInt64>)
  func random(block: UInt64) {
    for seed in block * 100..<block * 100 + 100 { check(Fixtures.random(seed: seed)) }
  }

  @Test("sound lists of random capabilities", arguments: 0..<10 as Range<UInt64>)
  func registers(block: UInt64) {
    for seed in block * 100..<block * 100 + 100 {
      let config = Fixtures.randomRegisters(seed: seed)
      check(config)
      #expect(config.walkCapabilities().isIntact, "seed \(seed)")
    }
  }

  @Test("changed fixtures", arguments: Fixtures.all)
  func mutations(of fixture: Fixture) {
    var generator = SplitMix64(seed: UInt64(fixture.name.utf8.count))
    for _ in 0..<50 { check(Fixtures.mutated(fixture.config, using: &generator)) }
  }

  @Test("changed real dumps", arguments: RealDumps.all)
  func mutations(of dump: RealDump) {
    var generator = SplitMix64(seed: UInt64(dump.config.deviceID))
    for _ in 0..<10 { check(Fixtures.mutated(dump.config, using: &generator)) }
  }

  private func check(_ config: ConfigSpace) {
    let walk = config.walkCapabilities()
    #expect(walk == config.walkCapabilities(), "the same bytes give the same walk")
    let extended = ReferenceWalk.extended(config.bytes)
    #expect(walk.extended.map(\.reference) == extended.entries)
    #expect(walk.isIntact(.extended) == extended.isIntact)
    let legacy = ReferenceWalk.legacy(config.bytes)
    #expect(walk.legacy.map(\.reference) == legacy.entries)
    #expect(walk.isIntact(.legacy) == legacy.isIntact)
    #expect(walk.legacy.count <= 48 && walk.extended.count <= 480)
    check(walk.legacy, in: .legacy, of: config)
    check(walk.extended, in: .extended, of: config)
    for problem in walk.problems { #expect("\(problem)".contains("0x"), "it names an offset") }
    #expect(walk.isIntact == (walk.isIntact(.legacy) && walk.isIntact(.extended)))
  }

  private func check(_ entries: [Capability], in list: CapabilityList, of config: ConfigSpace) {
    #expect(Set(entries.map(\.offset)).count == entries.count, "no offset is visited twice")
    for (index, entry) in entries.enumerated() {
      let isFine =
        entry.list == list && list.offsets.contains(entry.offset) && entry.offset % 4 == 0
        && entry.offset + 4 <= config.size && entry.size != 0
        && list.offsets.contains(entry.offset + (entry.size ?? 1) - 1)
        && list.offsets.contains(entry.knownBytes.upperBound)
        && entry.knownBytes.contains(entry.headerBytes.upperBound)
        && (index + 1 == entries.count || entry.next == entries[index + 1].offset)
      #expect(isFine, "\(entry)")
    }
  }
}
