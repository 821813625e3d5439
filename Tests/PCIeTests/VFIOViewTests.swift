import PCIe
import TestSupport
import Testing

@Suite("What vfio-pci shows")
struct VFIOViewTests {
  /// Extended capabilities that vfio-pci of Linux 7.2 passes on.
  private static let shown: Set<UInt16> = [
    0x01, 0x02, 0x03, 0x04, 0x08, 0x09, 0x0B, 0x0D, 0x0E, 0x0F, 0x10, 0x12, 0x13, 0x15, 0x16, 0x17,
    0x18, 0x23,
  ]

  @Test("a built device", arguments: Fixtures.all)
  func fixture(_ fixture: Fixture) { check(fixture.config) }

  @Test("a real device", arguments: RealDumps.all)
  func dump(_ dump: RealDump) { check(dump.config) }

  @Test("the first entry leaves a placeholder, and the sample loses its PASID capability")
  func heads() {
    var builder = Fixtures.endpoint()
    builder.putExtendedHeader(id: 0x1B, next: 0x200, at: 0x100)
    builder.putExtendedHeader(id: 0x0F, next: 0, at: 0x200)
    let config = builder.config
    let view = config.shownByVFIO(config.walkCapabilities())
    #expect(view.read32(0x100) == 0x2000_0000)
    #expect(view.read32(0x200) == config.read32(0x200))
    let sample = SampleDevice.sapphireRapidsDSA
    let seen = sample.shownByVFIO(sample.walkCapabilities()).walkCapabilities()
    #expect(seen.extended.map(\.offset) == [0x100, 0x150, 0x160, 0x170, 0x200, 0x220, 0x240])
  }

  private func check(_ config: ConfigSpace) {
    let walk = config.walkCapabilities()
    let view = config.shownByVFIO(walk)
    guard walk.isIntact else {
      #expect(view == config)
      return
    }
    let seen = view.walkCapabilities()
    #expect(seen.isIntact)
    let wanted = walk.extended.filter { Self.shown.contains($0.id) || $0.isPlaceholder }
    // A hidden head stays as a placeholder, unless nothing is behind it: then the list is empty.
    let head = wanted.isEmpty ? [] : walk.extended.prefix(1).map(\.offset)
    let offsets = wanted.first?.offset == head.first ? [] : head
    #expect(seen.extended.map(\.offset) == offsets + wanted.map(\.offset))
    #expect(
      seen.extended.filter { !$0.isPlaceholder }.map(\.id)
        == wanted.filter { !$0.isPlaceholder }.map(\.id))
    let hidden: Set<UInt16> = [0x00, 0x04, 0x06, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x14, 0x15]
    #expect(
      seen.legacy.map(\.offset)
        == walk.legacy.filter { $0.id <= 0x15 && !hidden.contains($0.id) }.map(\.offset))
    // Nothing but pointers changes, and the header of a hidden head.
    var pointers = Set(walk.legacy.map { $0.offset + 1 } + [0x14, 0x34])
    for entry in walk.extended { pointers.formUnion(entry.offset + 2...entry.offset + 3) }
    if !walk.extended.isEmpty { pointers.formUnion([0x100, 0x101]) }
    let changed = config.bytes.indices.filter { config.bytes[$0] != view.bytes[$0] }
    #expect(pointers.isSuperset(of: changed))
  }
}
