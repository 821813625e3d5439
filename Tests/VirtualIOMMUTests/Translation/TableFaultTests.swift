import Hardware
import IOMMU
import Testing
import VirtualIOMMU

/// One thing that is wrong before the page tables.
struct TableFaultCase: Sendable, CustomStringConvertible {
  let description: String
  let reason: UInt8
  /// Words of memory that differ from a working device's.
  var words: [UInt64: UInt64] = [:]
  /// Pages that are no memory.
  var missing: [Int] = []
  var pasid: UInt32?
  var mode: VTdRootTableAddress.Mode = .scalable
  var root = WalkGuest.root
  var features = VTdFeatures.everything
  /// Whether FPD in the context entry keeps it from being recorded.
  var isQualified = true
  var access: DMAAccess = .read
}

@Suite("What the tables before page tables refuse")
struct TableFaultTests {
  static let context = WalkGuest.contextPlace
  static let entry = WalkGuest.pasidPlace(0)
  static let good = WalkGuest.directory | 0x1D | 7 << 9

  static let scalableRows: [TableFaultCase] = [
    .init(description: "TTM abort", reason: 0x30, mode: .abort, isQualified: false),
    .init(
      description: "TTM reserved", reason: 0x30, mode: .init(rawValue: 2), isQualified: false),
    .init(
      description: "scalable mode that the unit has not", reason: 0x30,
      features: .without(43), isQualified: false),
    .init(
      description: "a root table above the host's width", reason: 0x30, root: 1 << 46,
      isQualified: false),
    .init(
      description: "a root table that is no memory", reason: 0x38, missing: [1],
      isQualified: false),
    .init(
      description: "an absent root entry", reason: 0x39, words: [WalkGuest.rootPlace: 0x2000],
      isQualified: false),
    .init(
      description: "a reserved bit of the root entry", reason: 0x3A,
      words: [WalkGuest.rootPlace: 0x2003], isQualified: false),
    .init(
      description: "a context table above the host's width", reason: 0x3A,
      words: [WalkGuest.rootPlace: 1 << 46 | 1], isQualified: false),
    .init(
      description: "a context table that is no memory", reason: 0x40, missing: [2],
      isQualified: false),
    .init(
      description: "an absent context entry", reason: 0x41, words: [context: good & ~1]),
    .init(
      description: "a reserved bit of the context entry", reason: 0x42,
      words: [context: good | 1 << 5]),
    .init(
      description: "a reserved bit of its second word", reason: 0x42,
      words: [context + 8: 1 << 21]),
    .init(description: "its third word", reason: 0x42, words: [context + 16: 1]),
    .init(description: "its fourth word", reason: 0x42, words: [context + 24: 1 << 63]),
    .init(
      description: "a directory above the host's width", reason: 0x42,
      words: [context: good | 1 << 50]),
    .init(
      description: "DTE where there are no device TLBs", reason: 0x42, features: .without(2)),
    .init(
      description: "PRE where there are no page requests", reason: 0x42, features: .without(29)),
    .init(
      description: "RID_PASID where there is none", reason: 0x42, words: [context + 8: 3],
      features: .without(49)),
    .init(
      description: "a PASID without PASIDE", reason: 0x45, words: [context: good & ~8], pasid: 1),
    .init(
      description: "a PASID beyond the directory", reason: 0x46,
      words: [context: good & ~(7 << 9)], pasid: 1 << 13),
    .init(
      description: "RID_PASID beyond the directory", reason: 0x48,
      words: [context: good & ~(7 << 9), context + 8: 1 << 13]),
    .init(
      description: "a directory that is no memory", reason: 0x50, missing: [4],
      isQualified: false),
    .init(
      description: "an absent directory entry", reason: 0x51,
      words: [WalkGuest.directory: 0x5000]),
    .init(
      description: "a reserved bit of the directory entry", reason: 0x52,
      words: [WalkGuest.directory: 0x5005]),
    .init(
      description: "a PASID table above the host's width", reason: 0x52,
      words: [WalkGuest.directory: 1 << 46 | 1]),
    .init(
      description: "a PASID table that is no memory", reason: 0x58, missing: [5],
      isQualified: false),
    .init(description: "an absent PASID entry", reason: 0x59, words: [entry: 0x88]),
    .init(
      description: "a reserved bit of the PASID entry", reason: 0x5A,
      words: [entry: 0x6089 | 1 << 10]),
    .init(
      description: "a reserved bit of its second word", reason: 0x5A,
      words: [entry + 8: 9 | 1 << 16]),
    .init(
      description: "SLADE where there are no such bits", reason: 0x5A,
      words: [entry: 0x6089 | 1 << 9], features: .without(45)),
    .init(
      description: "a second stage above the host's width", reason: 0x5A,
      words: [entry: 1 << 46 | 0x89]),
    .init(
      description: "a first stage above the host's width", reason: 0x5A,
      words: [entry: 0x41, entry + 16: 1 << 46]),
    .init(
      description: "SRE where there are no supervisor requests", reason: 0x5A,
      words: [entry: 0x41, entry + 16: 0x6001], features: .without(31)),
    .init(
      description: "ERE where there are no execute requests", reason: 0x5A,
      words: [entry: 0x41, entry + 16: 0x6002], features: .without(30)),
    .init(
      description: "EAFE where there is no such flag", reason: 0x5A,
      words: [entry: 0x41, entry + 16: 0x6080], features: .without(34)),
    .init(description: "PGTT 0", reason: 0x5B, words: [entry: 0x6009]),
    .init(description: "PGTT 5", reason: 0x5B, words: [entry: 0x6149]),
    .init(
      description: "a first stage where there is none", reason: 0x5B, words: [entry: 0x41],
      features: .without(47)),
    .init(
      description: "a second stage where there is none", reason: 0x5B, features: .without(46)),
    .init(
      description: "nesting where there is none", reason: 0x5B, words: [entry: 0x60C9],
      features: .without(26)),
    .init(
      description: "passing through where that is not allowed", reason: 0x5B,
      words: [entry: 0x109], features: .without(6)),
    .init(description: "AW 0", reason: 0x5B, words: [entry: 0x6081]),
    .init(description: "AW 4 of an entry that passes through", reason: 0x5B, words: [entry: 0x111]),
    .init(
      description: "FSPM 2", reason: 0x5B, words: [entry: 0x41, entry + 16: 0x6008]),
    .init(
      description: "a supervisor request without SRE", reason: 0x5D,
      words: [entry + 64: 0x41, entry + 72: 9, entry + 80: 0x6000], pasid: 1,
      access: [.read, .privileged]),
    .init(
      description: "an execute request without ERE", reason: 0x5C,
      words: [entry + 64: 0x41, entry + 72: 9, entry + 80: 0x6000], pasid: 1,
      access: [.read, .execute]),
  ]

  @Test("scalable mode", arguments: scalableRows)
  func scalable(_ row: TableFaultCase) throws {
    try check(row) { guest, flags in
      guest.writeScalable(flags: 0x1D | flags)
      guest.write(0, 0x6089)
    }
  }

  static let legacyRows: [TableFaultCase] = [
    .init(
      description: "a root table that is no memory", reason: 0x08, missing: [1],
      isQualified: false),
    .init(
      description: "an absent root entry", reason: 0x01, words: [WalkGuest.rootPlace: 0],
      isQualified: false),
    .init(
      description: "a reserved bit of the root entry", reason: 0x0A,
      words: [WalkGuest.rootPlace: 0x2801], isQualified: false),
    .init(
      description: "the upper half of the root entry", reason: 0x0A,
      words: [WalkGuest.rootPlace + 8: 1], isQualified: false),
    .init(
      description: "a context table that is no memory", reason: 0x09, missing: [2],
      isQualified: false),
    .init(
      description: "an absent context entry", reason: 0x02,
      words: [WalkGuest.legacyPlace: 0x6000]),
    .init(
      description: "a reserved bit of the context entry", reason: 0x0B,
      words: [WalkGuest.legacyPlace: 0x6011]),
    .init(
      description: "a reserved bit of its upper half", reason: 0x0B,
      words: [WalkGuest.legacyPlace + 8: 0x80 | 2 | 9 << 8]),
    .init(
      description: "TT 3", reason: 0x03, words: [WalkGuest.legacyPlace: 0x600D]),
    .init(
      description: "TT 1 where there are no device TLBs", reason: 0x03,
      words: [WalkGuest.legacyPlace: 0x6005], features: .without(2)),
    .init(
      description: "TT 2 where that is not allowed", reason: 0x03,
      words: [WalkGuest.legacyPlace: 0x6009], features: .without(6)),
    .init(
      description: "AW 0", reason: 0x03, words: [WalkGuest.legacyPlace + 8: 9 << 8]),
    .init(
      description: "a PASID", reason: 0x31, pasid: 1, isQualified: false),
  ]

  @Test("legacy mode", arguments: legacyRows)
  func legacy(_ row: TableFaultCase) throws {
    var row = row
    row.mode = .legacy
    try check(row) { guest, flags in guest.writeLegacy(0x6001 | flags) }
  }

  /// Once as it is, once with FPD in the context entry, which the unqualified ones ignore.
  private func check(
    _ row: TableFaultCase, _ write: (WalkGuest, UInt64) -> Void
  ) throws {
    for isQuiet in [false, true] {
      let guest = try WalkGuest(features: row.features)
      write(guest, isQuiet ? 2 : 0)
      for (place, word) in row.words {
        let isContext = place == Self.context || place == WalkGuest.legacyPlace
        guest[place] = isContext && isQuiet ? word | 2 : word
      }
      for page in row.missing { try guest.remap(page, []) }
      guest.use(row.mode, root: row.root)
      #expect(
        guest.translate(0x1234, row.access, pasid: row.pasid) == .refused(.code(row.reason)))
      let fault = VTdFault(
        .code(row.reason), source: WalkGuest.device.sourceID, address: IOVA(0x1234),
        pasid: row.pasid.flatMap { PASID(rawValue: $0) }, access: row.access)
      #expect(guest.events.take() == (isQuiet && row.isQualified ? [] : [fault]))
    }
  }

  @Test("FPD of the directory entry and of the PASID entry count from there on")
  func later() throws {
    for (place, word) in [(WalkGuest.directory, 0x5003), (Self.entry, 0x608B)]
      as [(UInt64, UInt64)]
    {
      let guest = try WalkGuest()
      guest.writeScalable()
      guest.write(0, 0x6089)
      guest[place] = word
      #expect(guest.translate(0x1234) == .refused(.secondStagePermission))
      #expect(guest.events.take() == [])
    }
  }

  @Test("the device's half of the root entry is used", arguments: [0x10, 0x90] as [UInt8])
  func halves(devfn: UInt8) throws {
    let guest = try WalkGuest()
    guest.writeScalable()
    guest.write(0, 0x109)
    // The same entry for the device in the upper half.
    guest[WalkGuest.contexts + 0x1000 + 0x10 * 32] = guest[WalkGuest.contextPlace]
    let endpoint = VTdEndpoint(
      RequesterID(bus: 1, devfn: devfn), translator: guest.translator, events: guest.events)
    let answer = endpoint.withRequests { $0.translate(IOVA(0x7008), .read) }
    guard case .success(let found) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(guest.physical(found.address) == 0x7008)
  }

  @Test("requests without PASID use RID_PASID, and RID_PRIV makes them privileged")
  func ridPASID() throws {
    let guest = try WalkGuest()
    guest.writeScalable(word1: 3 | 1 << 20)
    let top = guest.fresh()
    let page = guest.fresh()
    // A supervisor page.
    guest.link(0x1000, to: page | 3, from: top, flags: 3)
    guest.write(3, 0x41, top | 1)
    #expect(guest.page(0x1010) == page | 0x10)
    guest.writeScalable(word1: 3)
    guest.translator.invalidate(.allContexts)
    guest.translator.invalidate(.allTranslations)
    #expect(guest.translate(0x1010) == .refused(.userOnSupervisor))
  }
}
