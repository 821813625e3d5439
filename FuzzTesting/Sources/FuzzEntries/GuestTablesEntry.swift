import Hardware
import HostSystem
import IOMMU

/// Guest memory, a table or a stream in it, and requests between changes and invalidations.
///
/// - byte: bit 0 SMMUv3 rather than VT-d; bits 2:1 levels of stage 2; bits 7:3 switches of the unit
/// - four bytes: two bits a page that take reading or writing away in stage 2
/// - VT-d: a word, the root; SMMUv3: the two words of the stream table entry
/// - operations until the end; see ``GuestTablesCheck``
enum GuestTablesEntry {
  static func run(_ bytes: [UInt8]) {
    var feed = ByteFeed(bytes)
    guard var check = GuestTablesCheck(&feed) else { fatalError("no memory") }
    var steps = 0
    while !feed.isEmpty, steps < 512 {
      steps += 1
      check.step(&feed)
    }
  }
}

/// Guest memory whose tables anybody may have written, beside what must hold of its translations.
struct GuestTablesCheck {
  private static let pages = 16

  private let memory: AnonymousMemory
  private let stage2: PagingTable
  private let unit = TranslationUnit(cacheCapacity: 64, isStrict: true)
  private let table: TranslationTable
  private var rights: [DMAAccess]
  private var tag: UInt32 = 1
  /// Whether something changed that no invalidation has covered since.
  private var isStale = false
  /// Whether a walk's own bits may change what it meant: a descriptor that is a table as well.
  private let changesItself: Bool

  init?(_ feed: inout ByteFeed) {
    let kind = feed.byte()
    guard let memory = try? AnonymousMemory(byteCount: Self.pages * 4096) else { return nil }
    self.memory = memory
    let isSMMU = kind & 1 == 1
    stage2 = PagingTable(levels: 3 + Int(kind >> 1 & 3) % 3, dialect: isSMMU ? .smmuv3 : .vtd)
    let denied = feed.integer(UInt32.self)
    // Reading and writing unless a bit takes it away.
    rights = (0..<Self.pages).map { DMAAccess(rawValue: UInt8(~denied >> (2 * UInt32($0)) & 3)) }
    if isSMMU {
      let features = SMMUFeatures(
        substreamBits: kind & 8 == 0 ? 20 : 4, outputBits: kind & 16 == 0 ? 48 : 52,
        hardwareUpdates: SMMUFeatures.HardwareUpdates(rawValue: kind >> 5 & 3) ?? .none,
        alwaysAborts: kind >> 7 == 1)
      let entry = SMMUStreamTableEntry(word0: feed.integer(), word1: feed.integer())
      changesItself = features.hardwareUpdates != .none
      table = .smmuStream(SMMUStreamTable(parent: stage2, entry: entry, features: features))
    } else {
      changesItself = false
      table = .vtdNested(
        VTdNestedTable(
          parent: stage2, root: GuestPhysicalAddress(feed.integer(UInt64.self)),
          levels: kind & 8 == 0 ? 4 : 5,
          options: VTdNestedTable.Options(rawValue: UInt64(kind >> 4 & 7) | UInt64(kind >> 7) << 32)
        ))
    }
    for page in 0..<Self.pages { map(page) }
  }

  private func map(_ page: Int) {
    guard !rights[page].isEmpty else { return }
    do {
      try stage2.map(
        IOVA(UInt64(page) << 12), byteCount: 4096,
        to: HostAddress(memory.address + UInt64(page) << 12), allowing: rights[page])
    } catch { fatalError("\(error)") }
  }

  mutating func step(_ feed: inout ByteFeed) {
    let kind = feed.byte()
    switch kind & 7 {
    // A word of guest memory.
    case 0, 1:
      let place = UInt64(feed.integer(UInt16.self)) << 3 & 0xFFFF
      HostMemory.store(feed.integer(), at: HostAddress(memory.address + place))
      isStale = true
    // A pointer to a guest page, with any flags.
    case 2:
      let place = UInt64(feed.integer(UInt16.self)) << 3 & 0xFFFF
      let flags = UInt64(feed.integer(UInt16.self))
      let target = UInt64(kind >> 3) & 0xF
      let word = target << 12 | flags & 0xFFF | (flags >> 12) << 60
      HostMemory.store(word, at: HostAddress(memory.address + place))
      isStale = true
    // Other rights for a page in stage 2.
    case 3:
      let page = Int(kind >> 3) & 0xF
      _ = try? stage2.unmap(IOVA(UInt64(page) << 12), byteCount: 4096)
      rights[page] = DMAAccess(rawValue: feed.byte() & 3)
      map(page)
      isStale = true
    case 4: forget(kind >> 3, &feed)
    default: translate(kind >> 3, &feed)
    }
  }

  private mutating func forget(_ how: UInt8, _ feed: inout ByteFeed) {
    switch how & 7 {
    case 0: unit.iotlb.invalidate(tag: 1, from: IOVA(feed.integer()), pageCount: feed.integer())
    case 1: unit.iotlb.invalidate(tag: 1, pasid: PASID(rawValue: feed.integer(UInt32.self)))
    case 2: unit.iotlb.invalidate(tag: 1, asid: feed.integer(UInt16.self))
    case 3:
      unit.iotlb.invalidate(
        tag: 1, asid: feed.integer(UInt16.self), from: IOVA(feed.integer()),
        pageCount: feed.integer())
    case 4: unit.contextDescriptors.invalidate(stream: 1, substream: feed.integer())
    default:
      unit.contextDescriptors.invalidateAll()
      unit.iotlb.invalidateAll()
      unit.drain()
      stage2.reclaim()
      unit.forgetStaleHits()
      isStale = false
    }
  }

  private mutating func translate(_ how: UInt8, _ feed: inout ByteFeed) {
    let access = DMAAccess(rawValue: how & 15)
    let pasid = how & 16 == 0 ? nil : PASID(rawValue: UInt32(feed.byte()))
    let iova = IOVA(feed.integer())
    let cached = request(iova, access, TranslationContext(table, tag: 1, pasid: pasid, stream: 1))
    require(
      isStale || changesItself || unit.staleHitCount == 0, "a stale hit, and nothing was changed")
    // A walk that no cache takes part in.
    tag &+= 1
    let fresh = request(
      iova, access, TranslationContext(table, tag: tag, pasid: pasid, stream: tag))
    check(fresh, iova, access)
    // A walk may set bits that give it away, but not change where it leads.
    tag &+= 1
    let again = request(
      iova, access, TranslationContext(table, tag: tag, pasid: pasid, stream: tag))
    check(again, iova, access)
    // Tables that contain themselves may be changed by their own bits, so only the rest must agree.
    if case .success(let one) = fresh, case .success(let other) = again {
      require(one.pageShift == other.pageShift, "another size")
    }
    if case .success(let one) = cached {
      require(inMemory(one.address), "outside of guest memory")
      require(one.permissions.isSuperset(of: access), "a right that was not given")
    }
  }

  private func request(
    _ iova: IOVA, _ access: DMAAccess, _ context: TranslationContext
  ) -> TranslationResult {
    unit.withDMA { dma in dma.translate(iova, access, for: context) }
  }

  private func inMemory(_ address: HostAddress) -> Bool {
    address.isDirect && address.address >= memory.address
      && address.address - memory.address < UInt64(memory.byteCount)
  }

  private func check(_ result: TranslationResult, _ iova: IOVA, _ access: DMAAccess) {
    switch result {
    case .success(let found):
      require(inMemory(found.address), "outside of guest memory")
      require(found.address.address & 0xFFF == iova.rawValue & 0xFFF, "another byte of the page")
      let page = Int((found.address.address - memory.address) >> 12)
      var needed = access.intersection([.read, .write])
      if access.contains(.execute) { needed.insert(.read) }
      require(rights[page].isSuperset(of: needed), "stage 2 does not allow it")
      require(found.permissions.isSuperset(of: access), "a right that was not given")
    case .fault(let fault):
      require(fault.address == iova, "the fault of another address")
      require(fault.stage != .configuration || !fault.isCurable, "a configuration that is curable")
    }
  }
}
