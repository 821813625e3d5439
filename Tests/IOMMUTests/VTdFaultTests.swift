import Hardware
import IOMMU
import Testing

/// One way to be refused: what is changed about a working table, and what comes of it.
struct VTdFaultCase: Sendable, CustomStringConvertible {
  let description: String
  let reason: UInt8
  var stage: TranslationFault.Stage = .first
  var isCurable = false
  var access: DMAAccess = .read
  var iova: UInt64 = 0x20_1000
  var options: VTdNestedTable.Options = []
  var hostAddressWidth = 52
  /// Entries by page of their table: page 1 is the top, page 4 the last table, page 5 the target.
  var entries: [UInt64: UInt64] = [:]
  /// Rights in stage 2 by page.
  var stage2: [Int: DMAAccess] = [:]
}

@Suite("What VT-d refuses")
struct VTdFaultTests {
  private static let cases: [VTdFaultCase] = [
    .init(
      description: "a supervisor request without SRE", reason: 0x5D, stage: .configuration,
      access: [.read, .privileged]),
    .init(
      description: "an execute request without ERE", reason: 0x5C, stage: .configuration,
      access: [.read, .execute]),
    .init(description: "a bare high bit", reason: 0x80, iova: 1 << 47),
    .init(description: "a missing sign", reason: 0x80, iova: 0x7FFF_8000_0000_0000),
    .init(description: "an absent top entry", reason: 0x71, isCurable: true, entries: [1: 0]),
    .init(
      description: "an absent entry full of other bits", reason: 0x71, isCurable: true,
      entries: [4: ~1]),
    .init(description: "a large page of 512 GiB", reason: 0x72, entries: [1: 0x2087]),
    .init(description: "1 GiB that is not aligned", reason: 0x72, entries: [2: 0x3087 | 1 << 13]),
    .init(description: "2 MiB that is not aligned", reason: 0x72, entries: [3: 1 << 20 | 0x87]),
    .init(
      description: "an address above the host's width", reason: 0x72, hostAddressWidth: 46,
      entries: [4: 1 << 46 | 0x5007]),
    .init(
      description: "a supervisor page", reason: 0x81, isCurable: true, entries: [4: 0x5003]),
    .init(
      description: "a supervisor table", reason: 0x81, isCurable: true, entries: [2: 0x3003]),
    .init(
      description: "a write to a read-only page", reason: 0x85, isCurable: true, access: .write,
      entries: [4: 0x5005]),
    .init(
      description: "a write below a read-only table", reason: 0x85, isCurable: true,
      access: .write, entries: [1: 0x2005]),
    .init(
      description: "a supervisor write to a read-only page with WPE", reason: 0x85,
      isCurable: true, access: [.write, .privileged],
      options: [.supervisorRequests, .writeProtect], entries: [4: 0x5005]),
    .init(
      description: "execution of data", reason: 0x82, isCurable: true, access: [.read, .execute],
      options: .executeRequests, entries: [4: 0x5007 | 1 << 63]),
    .init(
      description: "a top table that stage 2 does not have", reason: 0x79, stage: .second,
      stage2: [1: []]),
    .init(
      description: "a top table that stage 2 lets nobody read", reason: 0x75, stage: .second,
      stage2: [1: .write]),
    .init(
      description: "a lower table that stage 2 lets nobody read", reason: 0x76, stage: .second,
      stage2: [3: .write]),
    .init(
      description: "an accessed bit in a table that stage 2 protects", reason: 0x77,
      stage: .second, stage2: [2: .read]),
    .init(
      description: "a dirty bit in a table that stage 2 protects", reason: 0x77, stage: .second,
      access: .write, entries: [4: 0x5027], stage2: [4: .read]),
    .init(
      description: "a page that stage 2 does not have", reason: 0x79, stage: .second,
      stage2: [5: []]),
    .init(
      description: "a write to a page that stage 2 protects", reason: 0x79, stage: .second,
      access: .write, stage2: [5: .read]),
    .init(
      description: "a table beyond the guest's width", reason: 0x74, stage: .second,
      entries: [3: 1 << 48 | 7]),
    .init(
      description: "a page beyond the guest's width", reason: 0x74, stage: .second,
      entries: [4: 1 << 51 | 7]),
  ]

  @Test("with the reason of its specification", arguments: cases)
  func fault(_ row: VTdFaultCase) throws {
    let guest = try Self.guest(row)
    let table = VTdNestedTable(
      parent: guest.stage2, root: GuestPhysicalAddress(0x1000), options: row.options,
      hostAddressWidth: row.hostAddressWidth)
    let unit = TranslationUnit()
    let context = TranslationContext(.vtdNested(table), tag: 1, pasid: PASID(rawValue: 7))
    let fault = try #require(unit.translate(row.iova, row.access, for: context).fault)
    #expect(fault.reason == .vtd(VTdFaultReason(rawValue: row.reason)))
    #expect(fault.stage == row.stage && fault.isCurable == row.isCurable)
    #expect(fault.address == IOVA(row.iova) && fault.handling == [])
  }

  @Test(
    "not the same tables when nothing is wrong with them",
    arguments: [
      (.read, []), (.write, []), ([.read, .execute], .executeRequests),
      ([.write, .privileged], .supervisorRequests),
    ] as [(DMAAccess, VTdNestedTable.Options)])
  func works(access: DMAAccess, options: VTdNestedTable.Options) throws {
    let row = VTdFaultCase(description: "", reason: 0)
    let guest = try Self.guest(row)
    let table = VTdNestedTable(
      parent: guest.stage2, root: GuestPhysicalAddress(0x1000), options: options)
    let context = TranslationContext(.vtdNested(table), tag: 1)
    let found = TranslationUnit().translate(row.iova | 0x123, access, for: context)
    #expect(found.translation?.address == HostAddress(guest.host(5).rawValue + 0x123))
  }

  @Test("a supervisor writes read-only pages unless WPE says otherwise")
  func supervisor() throws {
    var row = VTdFaultCase(description: "", reason: 0)
    row.entries = [4: 0x5001]
    let guest = try Self.guest(row)
    let table = VTdNestedTable(
      parent: guest.stage2, root: GuestPhysicalAddress(0x1000), options: .supervisorRequests)
    let context = TranslationContext(.vtdNested(table), tag: 1)
    let unit = TranslationUnit()
    #expect(unit.translate(row.iova, [.write, .privileged], for: context).translation != nil)
    // The rights of a privileged request are none of a user's.
    #expect(
      unit.translate(row.iova, .read, for: context).fault?.reason == .vtd(.userOnSupervisor))
  }

  @Test("tables that lead to themselves end like any others")
  func loop() throws {
    let guest = try GuestMemory(pages: 2)
    for index in 0..<512 as Range<UInt64> { guest[0x1000 | index << 3] = 0x1007 }
    for levels in [4, 5] {
      let table = VTdNestedTable(
        parent: guest.stage2, root: GuestPhysicalAddress(0x1000), levels: levels)
      let context = TranslationContext(.vtdNested(table), tag: UInt32(levels))
      let found = TranslationUnit().translate(0x1234_5678_9ABC, for: context)
      #expect(found.translation?.address == HostAddress(guest.host(1).rawValue + 0xABC))
    }
  }

  @Test("accessed and dirty bits are written through stage 2, which notes that")
  func dirty() throws {
    let guest = try Self.guest(VTdFaultCase(description: "", reason: 0))
    guest.stage2.setDirtyTracking(true)
    let table = VTdNestedTable(
      parent: guest.stage2, root: GuestPhysicalAddress(0x1000), options: .extendedAccessed)
    let context = TranslationContext(.vtdNested(table), tag: 1)
    let unit = TranslationUnit()
    func dirtyPages() throws -> [UInt64] {
      var pages: [UInt64] = []
      try guest.stage2.forEachDirtyPage(from: IOVA(0), byteCount: 8 << 12, clearing: true) {
        pages.append($0.rawValue >> 12)
      }
      unit.iotlb.invalidate(tag: 1)
      return pages
    }
    _ = unit.translate(0x20_1000, .read, for: context)
    #expect(try dirtyPages() == [1, 2, 3, 4])
    #expect(guest[0x4008] == 0x5007 | 1 << 5 | 1 << 10)
    _ = unit.translate(0x20_1000, .read, for: context)
    #expect(try dirtyPages() == [])
    _ = unit.translate(0x20_1000, .write, for: context)
    #expect(try dirtyPages() == [4, 5])
    #expect(guest[0x4008] == 0x5007 | 1 << 5 | 1 << 6 | 1 << 10)
  }

  /// Guest memory with a table that maps 0x20_1000 to page 5, changed as the row says.
  private static func guest(_ row: VTdFaultCase) throws -> GuestMemory {
    let guest = try GuestMemory(pages: 8)
    let indices: [UInt64: UInt64] = [1: 0, 2: 0, 3: 1, 4: 1]
    for (page, index) in indices {
      guest[page << 12 | index << 3] = row.entries[page] ?? (page + 1) << 12 | 7
    }
    for (page, access) in row.stage2 { try guest.remap(page, access) }
    return guest
  }
}
