import Testing
@testable import PCIe
@Test func walk() {
  let w = SampleDevice.sapphireRapidsDSA.walkCapabilities()
  for c in w.legacy + w.extended { print(c.offset, c.shortName, c.size as Any) }
  print(w.problems)
  for r in LayoutMap(of: SampleDevice.sapphireRapidsDSA).regions { print(r.bytes, r.owner) }
}
