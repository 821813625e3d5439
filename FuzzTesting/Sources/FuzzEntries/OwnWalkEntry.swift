import Hardware
import HostSystem
import IOMMU
import VirtualIOMMU

/// A guest's memory with the tables of one device, changed and used by its own unit's translation.
///
/// - byte: bit 0 legacy mode; bit 1 translation off; bit 2 dirty pages are noted
/// - operations until the end; see ``OwnWalkCheck``
///
/// Pages 1 to 5 are root, context, context, PASID directory and PASID table, and start sound.
enum OwnWalkEntry {
  static func run(_ bytes: [UInt8]) {
    var feed = ByteFeed(bytes)
    guard let memory = try? AnonymousMemory(byteCount: OwnWalkCheck.pages * 4096) else {
      fatalError("no memory")
    }
    var check = OwnWalkCheck(memory, &feed)
    var steps = 0
    while !feed.isEmpty, steps < 512 {
      steps += 1
      check.step(&feed)
    }
  }
}

/// A guest's memory and its translation, beside what must hold of every answer.
struct OwnWalkCheck {
  static let pages = 16

  private let memory: AnonymousMemory
  private let table = PagingTable()
  private let guest: GuestMemory
  private let translator: VTdTranslator
  private let remapper: VTdInterruptRemapper
  private let endpoint: VTdEndpoint
  private let events = FaultCheck()
  private var rights = [DMAAccess](repeating: [.read, .write], count: pages)
  /// How often both ways are still compared, which looks at all of memory.
  private var comparisons = 16

  init(_ memory: AnonymousMemory, _ feed: inout ByteFeed) {
    self.memory = memory
    guest = GuestMemory(table, unit: TranslationUnit(cacheCapacity: 64))
    // Everything that the model knows.
    let features = VTdFeatures(
      capability: 6 | 0xE << 8 | 56 << 16 | 3 << 34 | 1 << 56 | 1 << 60,
      extendedCapability: [2, 3, 4, 6, 7, 26, 29, 30, 31, 33, 34, 40, 43, 45, 46, 47, 49]
        .reduce(19 << 35) { $0 | 1 << UInt64($1) })
    translator = VTdTranslator(memory: guest, features: features)
    remapper = VTdInterruptRemapper(memory: guest)
    endpoint = VTdEndpoint(
      RequesterID(bus: 0, devfn: 1), translator: translator, events: events)
    for page in 0..<Self.pages { map(page) }
    let kind = feed.byte()
    use(kind)
    set(0x1000, 0x2001)
    set(0x1008, kind & 1 == 1 ? 0 : 0x3001)
    if kind & 1 == 1 {
      set(0x2010, 0x6001)
      set(0x2018, 2 | 9 << 8)
    } else {
      set(0x2020, 0x4E1D)
      set(0x4000, 0x5001)
      // A first stage, a second one, both, and none.
      for (pasid, type) in [1, 2, 3, 4].enumerated() {
        set(0x5000 + UInt64(pasid) * 64 + 16, 0x6003)
        set(0x5000 + UInt64(pasid) * 64 + 8, UInt64(pasid))
        set(0x5000 + UInt64(pasid) * 64, 0x7209 | UInt64(type) << 6)
      }
    }
    if kind & 4 != 0 { table.setDirtyTracking(true) }
  }

  private func use(_ kind: UInt8) {
    var state = VTdTranslationState.reset
    state.isTranslating = kind & 2 == 0
    state.root = VTdRootTableAddress(rawValue: 0x1000 | (kind & 1 == 1 ? 0 : 1 << 10))
    state.remapsInterrupts = true
    state.interruptTable = 0xF000 | 7
    translator.changed(to: state)
    remapper.changed(to: state)
  }

  private func set(_ address: UInt64, _ word: UInt64) {
    HostMemory.store(word, at: HostAddress(memory.address + address))
  }

  private func map(_ page: Int) {
    guard !rights[page].isEmpty else { return }
    do {
      try table.map(
        IOVA(UInt64(page) << 12), byteCount: 4096,
        to: HostAddress(memory.address + UInt64(page) << 12), allowing: rights[page])
    } catch { fatalError("\(error)") }
  }

  mutating func step(_ feed: inout ByteFeed) {
    let kind = feed.byte()
    let rest = kind >> 3
    switch kind & 7 {
    // A word, or a pointer to a page of the guest with any flags.
    case 0: set(UInt64(feed.integer(UInt16.self)) << 3 & 0xFFF8, feed.integer())
    case 1:
      let place = UInt64(feed.integer(UInt16.self)) << 3 & 0xFFF8
      let flags = UInt64(feed.integer(UInt16.self))
      set(place, UInt64(rest & 15) << 12 | flags & 0xFFF | (flags >> 12) << 60)
    case 2: invalidate(rest, &feed)
    case 3:
      let page = Int(rest & 15)
      _ = try? table.unmap(IOVA(UInt64(page) << 12), byteCount: 4096)
      guest.invalidateAll()
      table.reclaim()
      rights[page] = DMAAccess(rawValue: feed.byte() & 3)
      map(page)
    case 4: ask(rest, &feed)
    case 5: compare(rest, &feed)
    default: request(rest, &feed)
    }
  }

  private func invalidate(_ how: UInt8, _ feed: inout ByteFeed) {
    let domain = UInt16(feed.byte() & 15)
    let pasid = PASID(rawValue: UInt32(feed.byte() & 7)) ?? PASID.zero
    let range = FirstStageInvalidation(
      address: UInt64(feed.integer(UInt32.self)) << 12,
      pageCount: how & 16 == 0 ? 1 << UInt64(feed.byte() & 63) : .max, isLeafOnly: true)
    let all: [VTdCacheInvalidation] = [
      .allContexts, .contexts(domain: domain), .context(source: domain, mask: 3, domain: domain),
      .allPASIDs, .pasids(domain: domain), .pasid(pasid, domain: domain), .allTranslations,
      .translations(domain: domain), .pages(range, domain: domain),
      .pasidPages(range, pasid, domain: domain), .allInterrupts,
      .interrupts(index: domain, maskBits: how),
    ]
    translator.invalidate(all[Int(how & 15) % all.count])
    remapper.invalidate(all[Int(how & 15) % all.count])
    translator.drain()
  }

  /// A translation request, a page request, a translated request or an interrupt.
  private func ask(_ how: UInt8, _ feed: inout ByteFeed) {
    let iova = IOVA(feed.integer(UInt64.self))
    let pasid = how & 4 == 0 ? nil : PASID(rawValue: UInt32(feed.byte() & 7))
    let access = DMAAccess(rawValue: feed.byte() & 15)
    switch how & 3 {
    case 0:
      let answer = endpoint.translationRequest(
        iova, access, pasid, forgoesWriting: how & 8 != 0)
      if case .success(let found?) = answer {
        require((12...39).contains(found.pageShift), "no size of a page")
        require(found.address.rawValue & 0xFFF == iova.rawValue & 0xFFF, "another byte")
        require(!found.permissions.isDisjoint(with: [.read, .write]), "no right at all")
      }
    case 1:
      _ = endpoint.requestPage(
        GuestPageRequest(pasid: pasid, address: iova, access: access, group: 0, isLast: true))
    case 2:
      check(endpoint.withTranslatedRequests { $0.translate(iova, access) }, iova, access, nil)
    default:
      _ = remapper.remap(
        0xFEE0_0000 | iova.rawValue & 0xFF_FFFF, UInt32(truncatingIfNeeded: iova.rawValue >> 32),
        from: endpoint.requester, reportingTo: events)
    }
  }

  private func request(_ how: UInt8, _ feed: inout ByteFeed) {
    let pasid = how & 16 == 0 ? nil : PASID(rawValue: UInt32(feed.byte() & 7))
    let access = DMAAccess(rawValue: how & 15)
    let iova = IOVA(feed.integer(UInt64.self))
    let answer = endpoint.withRequests(pasid) { $0.translate(iova, access) }
    check(answer, iova, access, pasid)
    // Over the end of the page, with the mode that the first one had.
    var bytes = [UInt8](repeating: 0, count: Int(feed.byte()))
    var span = bytes.mutableSpan
    let outcome = endpoint.read(from: iova, into: &span, pasid)
    require(outcome.byteCount <= bytes.count, "more bytes than there are")
    require((outcome.obstacle == nil) == (outcome.byteCount == bytes.count), "an end without cause")
  }

  private func check(
    _ answer: VTdAnswer, _ iova: IOVA, _ access: DMAAccess, _ pasid: PASID?
  ) {
    guard case .success(let found) = answer else { return }
    let address = found.address
    require(
      address.isDirect && address.address >= memory.address
        && address.address - memory.address < UInt64(memory.byteCount), "outside of guest memory")
    require(address.address & 0xFFF == iova.rawValue & 0xFFF, "another byte of the page")
    let page = Int((address.address - memory.address) >> 12)
    var needed = access.intersection([.read, .write])
    if access.contains(.execute), pasid != nil { needed.insert(.read) }
    require(rights[page].isSuperset(of: needed), "memory does not allow it")
  }

  /// A first stage both ways: walked here, and nested on a host over the same memory.
  private mutating func compare(_ how: UInt8, _ feed: inout ByteFeed) {
    guard comparisons > 0 else { return }
    comparisons -= 1
    let root = GuestPhysicalAddress(UInt64(feed.byte() & 15) << 12)
    let iova = IOVA(feed.integer(UInt64.self))
    let access = DMAAccess(rawValue: feed.byte() & 15)
    let options = VTdNestedTable.Options(rawValue: UInt64(how & 7) | UInt64(how >> 3 & 1) << 32)
    let levels = how & 16 == 0 ? 4 : 5
    let before = words
    let own = translate(
      .vtdGuest(
        VTdGuestTable(
          .first(.init(root: root, levels: levels, options: options)), in: table)), iova, access)
    let after = words
    for (index, word) in before.enumerated() { set(UInt64(index) * 8, word) }
    let other = translate(
      .vtdNested(
        VTdNestedTable(parent: table, root: root, levels: levels, options: options)), iova,
      access)
    require(words == after, "other bits were set")
    switch (own, other) {
    case (.success(let a), .success(let b)):
      require(a.address == b.address && a.permissions == b.permissions, "another translation")
    case (.fault(let a), .fault(let b)) where b.stage == .second:
      require(a.intermediate == b.intermediate, "another address was refused")
    case (.fault(let a), .fault(let b)): require(a == b, "another fault")
    default: fatalError("one way leads somewhere, the other does not")
    }
  }

  private func translate(
    _ table: TranslationTable, _ iova: IOVA, _ access: DMAAccess
  ) -> TranslationResult {
    let unit = TranslationUnit(cacheCapacity: 8)
    let context = TranslationContext(table, tag: 1, pasid: PASID.zero)
    return unit.withDMA { $0.translate(iova, access, for: context) }
  }

  private var words: [UInt64] {
    (0..<UInt64(Self.pages * 512)).map {
      HostMemory.load(at: HostAddress(memory.address + $0 * 8))
    }
  }
}

extension PASID {
  /// The PASID of requests without one, most of the time.
  fileprivate static var zero: PASID {
    guard let zero = PASID(rawValue: 0) else { fatalError("0 has less than 20 bits") }
    return zero
  }
}

/// Checks that faults are ones that a guest may be told of.
private final class FaultCheck: VTdRequestEvents {
  func record(_ fault: VTdFault) {
    require(fault.reason != .none, "a fault without a reason")
    require(fault.record.high >> 63 == 1, "no fault")
  }

  func report(_ request: GuestPageRequest, from requester: RequesterID) -> Bool { false }
}
