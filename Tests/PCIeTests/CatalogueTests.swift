import PCIe
import Testing

@Suite("The catalogue")
struct CatalogueTests {
  @Test("the rows are dense and in order of ID", arguments: [CapabilityList.legacy, .extended])
  func dense(list: CapabilityList) {
    let rows = list == .legacy ? CapabilityCatalogue.legacy : CapabilityCatalogue.extended
    #expect(rows.map(\.id) == (0..<UInt16(rows.count)).map { $0 })
    #expect(rows.count == (list == .legacy ? 0x16 : 0x3B))
    for row in rows {
      #expect(CapabilityCatalogue.kind(row.id, in: list)?.id == row.id)
      #expect(row.name.utf8CodeUnitCount > 0 && row.short.utf8CodeUnitCount > 0)
    }
    #expect(Set(rows.map { "\($0.name)" }).count == rows.count, "names are unique")
    #expect(Set(rows.map { "\($0.short)" }).count == rows.count, "short names are unique")
  }

  @Test("an ID beyond the rows has none", arguments: [CapabilityList.legacy, .extended])
  func beyond(list: CapabilityList) {
    let first = UInt16(
      (list == .legacy ? CapabilityCatalogue.legacy : CapabilityCatalogue.extended).count)
    for id in first...UInt16.max { #expect(CapabilityCatalogue.kind(id, in: list) == nil) }
    let unknown = Capability(list: list, id: 0xF00, offset: 0x40, next: 0, size: nil)
    #expect(unknown.kind == nil && unknown.shortName == "0xf00")
    #expect(unknown.name == "Unknown capability 0xf00")
  }

  /// Linux 7.2, `vfio_pci_config.c`: extended capabilities whose length it knows.
  @Test("vfio-pci shows these extended capabilities and hides all others")
  func shownExtended() {
    let shown: Set<UInt16> = [
      0x01, 0x02, 0x03, 0x04, 0x08, 0x09, 0x0B, 0x0D, 0x0E, 0x0F, 0x10, 0x12, 0x13, 0x15, 0x16,
      0x17,
      0x18, 0x23,
    ]
    #expect(Set(CapabilityCatalogue.extended.filter(\.shownByVFIO).map(\.id)) == shown)
  }

  @Test("vfio-pci shows these legacy capabilities and hides all others")
  func shownLegacy() {
    let hidden: Set<UInt16> = [
      0x00, 0x04, 0x06, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x14, 0x15,
    ]
    #expect(Set(CapabilityCatalogue.legacy.filter { !$0.shownByVFIO }.map(\.id)) == hidden)
  }

  /// Linux `pci_regs.h`, as people know them.
  @Test(
    "names",
    arguments: [
      (0x01, "AER"), (0x02, "VC"), (0x03, "DSN"), (0x0B, "VSEC"), (0x0D, "ACS"), (0x0E, "ARI"),
      (0x0F, "ATS"), (0x10, "SR-IOV"), (0x13, "PRI"), (0x15, "ReBAR"), (0x17, "TPH"), (0x18, "LTR"),
      (0x1B, "PASID"), (0x1D, "DPC"), (0x1E, "L1SS"), (0x1F, "PTM"), (0x23, "DVSEC"), (0x25, "DLF"),
      (0x2E, "DOE"), (0x2F, "DEV3"), (0x30, "IDE"), (0x38, "SIOV"),
    ] as [(UInt16, String)])
  func names(id: UInt16, short: String) {
    #expect("\(CapabilityCatalogue.extended[Int(id)].short)" == short)
  }
}
