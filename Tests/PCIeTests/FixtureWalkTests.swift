import Hardware
import PCIe
import TestSupport
import Testing

@Suite("The walk over each fixture")
struct FixtureWalkTests {
  @Test("entries, problems with their offsets, trust", arguments: Fixtures.all)
  func exact(_ fixture: Fixture) throws {
    guard !fixture.name.hasPrefix("random") else { return }
    let walk = fixture.config.walkCapabilities()
    let wanted = try #require(WalkExpectation.all[fixture.name], "no expectation is written down")
    #expect(line(walk.legacy) == wanted.legacy)
    #expect(line(walk.extended) == wanted.extended)
    #expect(walk.extendedSpace == wanted.space)
    #expect(walk.problems.map(\.description) == wanted.problems)
    #expect(walk.isIntact(.legacy) == !wanted.broken.contains(.legacy))
    #expect(walk.isIntact(.extended) == !wanted.broken.contains(.extended))
    #expect(walk.isIntact == wanted.broken.isEmpty)
  }

  @Test("names are unique, and every expectation has its fixture")
  func names() {
    let names = Set(Fixtures.all.map(\.name))
    #expect(names.count == Fixtures.all.count)
    #expect(names.isSuperset(of: WalkExpectation.all.keys))
  }

  @Test("the first entry with an ID, by list")
  func first() {
    let walk = SampleDevice.sapphireRapidsDSA.walkCapabilities()
    #expect(walk.first(Capability.pasidID, in: .extended)?.offset == 0x230)
    #expect(walk.first(Capability.pciExpressID, in: .legacy)?.offset == 0x40)
    // The same numbers mean something else in the other list.
    #expect(walk.first(0x11, in: .legacy)?.shortName == "MSI-X")
    #expect(walk.first(0x11, in: .extended) == nil)
    let twice = Fixtures.named("chain that fills the space").walkCapabilities()
    #expect(twice.first(0x0B, in: .extended)?.offset == 0x100)
  }

  @Test("what a function says about its port")
  func port() {
    let sample = SampleDevice.sapphireRapidsDSA.walkCapabilities().port
    #expect(sample.portType == 9 && sample.lanes == nil && sample.hasEndEndPrefixes)
    let endpoint = Fixtures.named("empty extended list").walkCapabilities().port
    #expect(endpoint.portType == 0 && endpoint.lanes == 4 && !endpoint.hasEndEndPrefixes)
    #expect(Fixtures.named("conventional bridge").walkCapabilities().port == .conventional)
    // Registers that would lie in the extended space are not the capability's.
    let late = Fixtures.named("PCI Express at 0xf4").walkCapabilities().port
    #expect(late.portType == 0 && late.lanes == nil && !late.hasEndEndPrefixes)
  }

  private func line(_ entries: [Capability]) -> String {
    entries.map { entry in
      let size = entry.size.map { "\($0)" } ?? "?"
      return "\(entry.id.hex(digits: 2))@\(entry.offset.hex(digits: 2))+\(size)"
    }.joined(separator: " ")
  }
}
