import Hardware
import IOMMU
import Testing

/// One way for a stream to be refused.
struct SMMUFaultCase: Sendable, CustomStringConvertible {
  let description: String
  let event: UInt8
  var kind: SMMUEventClass = .contextDescriptor
  var stage: TranslationFault.Stage = .configuration
  var isCurable = false
  var handling: TranslationFault.Handling = [.isRecorded, .aborts]
  var access: DMAAccess = .read
  var ssid: UInt32? = 1
  var iova: UInt64 = 0x1234
  var ste = SMMUWords.ste()
  var features = SMMUFeatures()
  var cd = SMMUWords.cd()
  var tables: [UInt64] = [0x2000, 0]
  /// The last entry.
  var page = SMMUWords.page(0x6000)
  var stage2: [Int: DMAAccess] = [:]
}

@Suite("What SMMUv3 refuses")
struct SMMUFaultTests {
  private static let cases: [SMMUFaultCase] = [
    .init(
      description: "an invalid entry, in silence", event: 0, handling: .aborts,
      ste: SMMUStreamTableEntry(word0: 0, word1: 0)),
    .init(
      description: "an entry that aborts, in silence", event: 0, handling: .aborts,
      ste: SMMUWords.ste(configuration: 0)),
    .init(description: "a reserved Config", event: 4, ste: SMMUWords.ste(configuration: 6)),
    .init(description: "a reserved S1Fmt", event: 4, ste: SMMUWords.ste(format: 3)),
    .init(description: "a reserved S1DSS", event: 4, ssid: nil, ste: SMMUWords.ste(dss: 3)),
    .init(
      description: "more substreams than the unit has", event: 4, ste: SMMUWords.ste(bits: 9),
      features: SMMUFeatures(substreamBits: 8)),
    .init(
      description: "two levels where the unit knows one", event: 4,
      ste: SMMUWords.ste(format: 1), features: SMMUFeatures(hasTwoLevelTables: false)),
    .init(
      description: "a substream in bypass", event: 8, ste: SMMUWords.ste(configuration: 4)),
    .init(
      description: "a substream where there are none", event: 8, ste: SMMUWords.ste(bits: 0)),
    .init(description: "a substream beyond S1CDMax", event: 8, ssid: 16),
    .init(
      description: "no substream where S1DSS terminates", event: 6, ssid: nil),
    .init(
      description: "substream 0 where it is the default", event: 6, ssid: 0,
      ste: SMMUWords.ste(dss: 2)),
    .init(
      description: "an absent first-level table", event: 8,
      ste: SMMUWords.ste(format: 1, pointer: 0x5000, bits: 10)),
    .init(
      description: "a descriptor that stage 2 does not have", event: 0x10, stage: .second,
      stage2: [1: []]),
    .init(
      description: "a descriptor that stage 2 lets nobody read", event: 0x13, stage: .second,
      stage2: [1: .write]),
    .init(description: "an invalid descriptor", event: 0xA, cd: SMMUWords.cd(flags: [31])),
    .init(description: "AArch32", event: 0xA, cd: SMMUWords.cd(flags: [41])),
    .init(description: "big-endian tables", event: 0xA, cd: SMMUWords.cd(flags: [15])),
    .init(description: "T0SZ too small", event: 0xA, cd: SMMUWords.cd(size: 15)),
    .init(description: "T0SZ too large", event: 0xA, cd: SMMUWords.cd(size: 40)),
    .init(
      description: "T1SZ too large", event: 0xA, cd: SMMUWords.cd(upperSize: 40, upperIsOff: false)),
    .init(description: "a reserved TG0", event: 0xA, cd: SMMUWords.cd(granule: 3)),
    .init(
      description: "a reserved TG1", event: 0xA,
      cd: SMMUWords.cd(upperGranule: 0, upperIsOff: false)),
    .init(
      description: "a page size that the unit lacks", event: 0xA,
      features: SMMUFeatures(granules: .size64K)),
    .init(
      description: "a top table beyond IPS", event: 0xA, cd: SMMUWords.cd(outputs: 0),
      tables: [1 << 32, 0]),
    .init(
      description: "A = 0 where all faults abort", event: 0xA,
      features: SMMUFeatures(alwaysAborts: true), cd: SMMUWords.cd(flags: [46])),
    .init(
      description: "S = 1 where nothing stalls", event: 0xA,
      features: SMMUFeatures(stallModel: .terminateOnly), cd: SMMUWords.cd(flags: [44])),
    .init(
      description: "S = 0 where everything stalls", event: 0xA,
      features: SMMUFeatures(stallModel: .stallOnly)),
    .init(
      description: "S = 1 against S1STALLD", event: 0xA, ste: SMMUWords.ste(forbidsStalls: true),
      cd: SMMUWords.cd(flags: [44])),
    .init(
      description: "an address outside of both halves", event: 0x10, kind: .input, stage: .first,
      iova: 1 << 48),
    .init(
      description: "an address in a half that is off", event: 0x10, kind: .input, stage: .first,
      iova: .max << 12),
    .init(
      description: "everything, quietly, after its process died", event: 0x10, kind: .input,
      stage: .first, handling: .aborts, cd: SMMUWords.cd(flags: [14, 45])),
    .init(
      description: "an absent page", event: 0x10, kind: .input, stage: .first, isCurable: true,
      page: 0),
    .init(
      description: "an absent page of a stream that stalls", event: 0x10, kind: .input,
      stage: .first, isCurable: true, handling: [.isRecorded, .stalls, .aborts],
      cd: SMMUWords.cd(flags: [44, 45]), page: 0),
    .init(
      description: "a block in the last level", event: 0x10, kind: .input, stage: .first,
      isCurable: true, page: 0x6441),
    .init(
      description: "a page beyond IPS", event: 0x11, kind: .input, stage: .first,
      cd: SMMUWords.cd(outputs: 0), page: SMMUWords.page(1 << 32)),
    .init(
      description: "a page without access flag", event: 0x12, kind: .input, stage: .first,
      isCurable: true, page: 0x6043),
    .init(
      description: "a privileged page", event: 0x13, kind: .input, stage: .first,
      isCurable: true, page: 0x6403),
    .init(
      description: "a write to a read-only page", event: 0x13, kind: .input, stage: .first,
      isCurable: true, access: .write, page: SMMUWords.page(0x6000) | 1 << 7),
    .init(
      description: "a write to a clean page when nobody makes it dirty", event: 0x13,
      kind: .input, stage: .first, isCurable: true, access: .write,
      page: SMMUWords.page(0x6000) | 1 << 7 | 1 << 51),
    .init(
      description: "execution of data", event: 0x13, kind: .input, stage: .first,
      isCurable: true, access: [.read, .execute], page: SMMUWords.page(0x6000) | 1 << 54),
    .init(
      description: "privileged execution of data", event: 0x13, kind: .input, stage: .first,
      isCurable: true, access: [.read, .execute, .privileged],
      page: SMMUWords.page(0x6000) | 1 << 53 | 1 << 7),
    .init(
      description: "a table that stage 2 does not have", event: 0x10, kind: .table,
      stage: .second, stage2: [3: []]),
    .init(
      description: "an access flag in a table that stage 2 protects", event: 0x13, kind: .table,
      stage: .second, cd: SMMUWords.cd(flags: [43]), page: 0x6043, stage2: [5: .read]),
    .init(
      description: "a page that stage 2 does not have", event: 0x10, kind: .input,
      stage: .second, stage2: [6: []]),
    .init(
      description: "a write to a page that stage 2 protects", event: 0x13, kind: .input,
      stage: .second, access: .write, stage2: [6: .read]),
  ]

  @Test("with the event of its specification", arguments: cases)
  func fault(_ row: SMMUFaultCase) throws {
    let (guest, context) = try Self.stream(row)
    _ = guest
    let fault = try #require(TranslationUnit().translate(row.iova, row.access, for: context).fault)
    #expect(fault.reason == .smmu(SMMUEventID(rawValue: row.event), row.kind))
    #expect(fault.stage == row.stage && fault.isCurable == row.isCurable)
    #expect(fault.handling == row.handling && fault.address == IOVA(row.iova))
  }

  @Test("not the same stream when nothing is wrong with it")
  func works() throws {
    let (guest, context) = try Self.stream(SMMUFaultCase(description: "", event: 0))
    let found = TranslationUnit().translate(0x1234, .write, for: context)
    #expect(found.translation?.address == HostAddress(guest.host(6).rawValue | 0x234))
  }

  @Test(
    "stage 1 is skipped where the entry says so", arguments: [(4, 0), (5, 1)] as [(UInt64, UInt64)])
  func bypass(configuration: UInt64, dss: UInt64) throws {
    var row = SMMUFaultCase(description: "", event: 0)
    row.ssid = nil
    row.ste = SMMUWords.ste(configuration: configuration, dss: dss)
    let (guest, context) = try Self.stream(row)
    let unit = TranslationUnit()
    for _ in 0..<2 {
      #expect(
        unit.translate(0x2345, for: context).translation?.address
          == HostAddress(guest.host(2).rawValue | 0x345))
    }
    #expect(unit.hits == 1)
  }

  @Test("a descriptor is kept until CFGI_CD, a translation until its TLBI")
  func configurationCache() throws {
    let (guest, context) = try Self.stream(SMMUFaultCase(description: "", event: 0))
    let unit = TranslationUnit()
    func page() -> UInt64? { unit.translate(0x1234, for: context).translation?.page(in: guest) }
    #expect(page() == 6)
    // Another process: other tables under another ASID.
    guest[0x1040] = SMMUWords.cd(asid: 2)
    guest[0x1048] = 0x7000
    #expect(page() == 6)
    unit.iotlb.invalidateAll()
    #expect(page() == 6, "tables of the descriptor that is cached")
    unit.contextDescriptors.invalidate(stream: 3, substream: 2)
    #expect(page() == 6)
    unit.contextDescriptors.invalidate(stream: 3, substream: 1)
    #expect(page() == nil)
    guest[0x1040] = SMMUWords.cd(asid: 1)
    guest[0x1048] = 0x2000
    #expect(page() == nil)
    unit.contextDescriptors.invalidate(stream: 3)
    #expect(page() == 6)
    guest[0x5008] = SMMUWords.page(0x4000)
    for asid in [2, 1] as [UInt16] {
      #expect(page() == 6)
      unit.iotlb.invalidate(tag: 1, asid: asid)
    }
    #expect(page() == 4)
    guest[0x5008] = SMMUWords.page(0x6000)
    unit.iotlb.invalidate(tag: 1, from: IOVA(0x1000), pageCount: 1)
    #expect(page() == 4, "an entry of an ASID does not go with those of PASIDs")
    unit.iotlb.invalidate(tag: 1, asid: 1, from: IOVA(0x1000), pageCount: 1)
    #expect(page() == 6)
    guest[0x5008] = SMMUWords.page(0x4000)
    unit.iotlb.invalidate(tag: 1, asid: nil, from: IOVA(0x1000), pageCount: 1)
    #expect(page() == 4)
    guest[0x1040] = 0
    unit.contextDescriptors.invalidateAll()
    #expect(page() == nil)
  }

  @Test("strictness sees through a cached descriptor")
  func strict() throws {
    let (guest, context) = try Self.stream(SMMUFaultCase(description: "", event: 0))
    let unit = TranslationUnit(isStrict: true)
    for _ in 0..<2 { _ = unit.translate(0x1234, for: context) }
    #expect(unit.staleHitCount == 0)
    guest[0x1040] = 0
    _ = unit.translate(0x1234, for: context)
    #expect(
      unit.staleHits.first?.now.fault?.reason
        == .smmu(.badContextDescriptor, .contextDescriptor))
  }

  /// Guest memory with descriptors in page 1 and tables in pages 2 to 5 that map 0x1000 to page 6.
  private static func stream(
    _ row: SMMUFaultCase
  ) throws -> (GuestMemory, TranslationContext) {
    let guest = try GuestMemory(pages: 16, dialect: .smmuv3)
    guest[0x1040] = row.cd
    guest[0x1048] = row.tables[0]
    guest[0x1050] = row.tables[1]
    guest[0x2000] = 0x3003
    guest[0x3000] = 0x4003
    guest[0x4000] = 0x5003
    guest[0x5008] = row.page
    for (page, access) in row.stage2 { try guest.remap(page, access) }
    let stream = SMMUStreamTable(parent: guest.stage2, entry: row.ste, features: row.features)
    let context = TranslationContext(
      .smmuStream(stream), tag: 1, pasid: row.ssid.flatMap { PASID(rawValue: $0) }, stream: 3)
    return (guest, context)
  }
}
