import HostSystem
import Hardware
import IOMMU
import Synchronization
import VirtualIOMMU

/// A guest with memory and the tables of one device, and the translation that is tested.
///
/// Pages of the guest are ours in reverse, so that neither looks like the other. Page 1 is the root
/// table, 2 and 3 are context tables, 4 the PASID directory, 5 the PASID table; ``fresh()`` hands out
/// the others.
final class WalkGuest {
  static let root: UInt64 = 0x1000
  static let contexts: UInt64 = 0x2000
  static let directory: UInt64 = 0x4000
  static let pasids: UInt64 = 0x5000
  static let device = RequesterID(bus: 1, devfn: 0x10)
  static let domain: UInt64 = 9

  let memory: AnonymousMemory
  let table: PagingTable
  let guestMemory: GuestMemory
  let translator: VTdTranslator
  let events = WalkEvents()
  let endpoint: VTdEndpoint
  let pages: Int
  private var nextPage = 6

  init(
    pages: Int = 64, features: VTdFeatures = .everything, mapping: Bool = true,
    mode: VTdRootTableAddress.Mode = .scalable, isOn: Bool = true
  ) throws {
    self.pages = pages
    memory = try AnonymousMemory(byteCount: pages * 4096)
    table = PagingTable()
    guestMemory = GuestMemory(table)
    translator = VTdTranslator(memory: guestMemory, features: features)
    endpoint = VTdEndpoint(Self.device, translator: translator, events: events)
    if mapping { for page in 0..<pages { try map(page) } }
    use(mode, isOn: isOn)
  }

  /// What the registers say from now on.
  func use(_ mode: VTdRootTableAddress.Mode, isOn: Bool = true, root: UInt64 = root) {
    var state = VTdTranslationState.reset
    state.isTranslating = isOn
    state.root = VTdRootTableAddress(rawValue: root | UInt64(mode.rawValue) << 10)
    translator.changed(to: state)
  }

  // MARK: Memory

  func host(_ page: Int) -> HostAddress {
    HostAddress(memory.address + UInt64(pages - 1 - page) * 4096)
  }

  func map(_ page: Int, _ access: DMAAccess = [.read, .write]) throws {
    try table.map(IOVA(UInt64(page) << 12), byteCount: 4096, to: host(page), allowing: access)
  }

  /// Gives a page other rights, or takes it away, as a VMM does.
  func remap(_ page: Int, _ access: DMAAccess) throws {
    try table.unmap(IOVA(UInt64(page) << 12), byteCount: 4096)
    guestMemory.invalidateAll()
    if !access.isEmpty { try map(page, access) }
  }

  /// The guest physical address of a byte of ours.
  func physical(_ address: HostAddress) -> UInt64? {
    guard address.isDirect, address.address >= memory.address,
      address.address - memory.address < UInt64(memory.byteCount)
    else { return nil }
    let page = (address.address - memory.address) >> 12
    return (UInt64(pages) - 1 - page) << 12 | address.address & 0xFFF
  }

  /// The word at a guest physical address.
  subscript(_ address: UInt64) -> UInt64 {
    get { HostMemory.load(at: word(address)) }
    set { HostMemory.store(newValue, at: word(address)) }
  }

  private func word(_ address: UInt64) -> HostAddress {
    HostAddress(host(Int(address >> 12)).rawValue | address & 0xFF8)
  }

  /// The guest physical address of a page that nobody has used yet.
  func fresh() -> UInt64 {
    defer { nextPage += 1 }
    return UInt64(nextPage) << 12
  }

  // MARK: Tables

  static let contextPlace = contexts + UInt64(device.devfn) * 32
  static let legacyPlace = contexts + UInt64(device.devfn) * 16
  static let rootPlace = root + UInt64(device.bus) * 16
  static func pasidPlace(_ pasid: UInt64) -> UInt64 { pasids + (pasid & 63) * 64 }

  /// Root, context and directory of scalable mode; everything allowed, 20 bits of PASID.
  func writeScalable(flags: UInt64 = 0x1D, word1: UInt64 = 0) {
    self[Self.rootPlace] = Self.contexts | 1
    self[Self.rootPlace + 8] = (Self.contexts + 0x1000) | 1
    self[Self.contextPlace] = Self.directory | flags | 7 << 9
    self[Self.contextPlace + 8] = word1
    self[Self.directory] = Self.pasids | 1
  }

  /// A PASID entry below 64; the domain is 9.
  func write(_ pasid: UInt64, _ word0: UInt64, _ word2: UInt64 = 0, domain: UInt64 = domain) {
    let place = Self.pasidPlace(pasid)
    self[place + 16] = word2
    self[place + 8] = domain
    self[place] = word0 | 1
  }

  /// Root and context of legacy mode.
  func writeLegacy(_ low: UInt64, _ high: UInt64 = 2 | domain << 8) {
    self[Self.rootPlace] = Self.contexts | 1
    self[Self.rootPlace + 8] = 0
    self[Self.legacyPlace] = low
    self[Self.legacyPlace + 8] = high
  }

  /// Writes the entries that lead from a top table to a page, making tables as needed.
  ///
  /// - Parameters:
  ///   - address: What is translated.
  ///   - target: Where to; with flags.
  ///   - top: The top table.
  ///   - levels: How many levels there are.
  ///   - leaf: The level of the leaf: 1, 2 or 3.
  ///   - flags: The flags of inner entries.
  ///   - through: How an address of a table is reached: its place in memory.
  /// - Returns: The places of the entries, top first.
  @discardableResult
  func link(
    _ address: UInt64, to target: UInt64, from top: UInt64, levels: Int = 4, leaf: Int = 1,
    flags: UInt64 = 7, through: (UInt64) -> UInt64 = { $0 }
  ) -> [UInt64] {
    var table = top
    var places: [UInt64] = []
    for level in (leaf...levels).reversed() {
      let place = through(table) + (address >> UInt64(3 + 9 * level)) % 512 * 8
      places.append(place)
      if level == leaf {
        self[place] = target | (leaf > 1 ? 0x80 : 0)
      } else {
        if self[place] == 0 { self[place] = fresh() | flags }
        table = self[place] & 0xF_FFFF_FFFF_F000
      }
    }
    return places
  }

  // MARK: Requests

  func translate(
    _ iova: UInt64, _ access: DMAAccess = .read, pasid: UInt32? = nil
  ) -> VTdAnswer {
    endpoint.withRequests(pasid.flatMap { PASID(rawValue: $0) }) { requests in
      requests.translate(IOVA(iova), access)
    }
  }

  /// Where a request ends in guest memory.
  func page(_ iova: UInt64, _ access: DMAAccess = .read, pasid: UInt32? = nil) -> UInt64? {
    guard case .success(let found) = translate(iova, access, pasid: pasid) else { return nil }
    return physical(found.address)
  }
}

/// What a unit would record and queue.
final class WalkEvents: VTdRequestEvents {
  private let state = Mutex<(faults: [VTdFault], requests: [GuestPageRequest])>(([], []))

  func record(_ fault: VTdFault) { state.withLock { $0.faults.append(fault) } }

  func report(_ request: GuestPageRequest, from requester: RequesterID) -> Bool {
    state.withLock { $0.requests.append(request) }
    return true
  }

  /// The faults since the last call.
  func take() -> [VTdFault] {
    state.withLock { state in
      defer { state.faults = [] }
      return state.faults
    }
  }

  var requests: [GuestPageRequest] { state.withLock { $0.requests } }
}

extension VTdFeatures {
  /// A unit that can do all that the model knows: 46 bits of address, 16 bits of domain.
  static let everything = VTdFeatures(
    capability: 6 | 0xE << 8 | 56 << 16 | 3 << 34 | 1 << 39 | 18 << 48 | 1 << 56 | 1 << 60,
    extendedCapability: [2, 3, 4, 6, 7, 26, 29, 30, 31, 33, 34, 40, 43, 45, 46, 47, 49]
      .reduce(19 << 35) { $0 | 1 << UInt64($1) },
    hostAddressWidth: 46)

  /// The same unit without some bits of ECAP.
  static func without(_ bits: Int...) -> VTdFeatures {
    VTdFeatures(
      capability: everything.capability,
      extendedCapability: bits.reduce(everything.extendedCapability) { $0 & ~(1 << UInt64($1)) },
      hostAddressWidth: 46)
  }
}

extension VTdFaultReason {
  /// The reason with a code.
  static func code(_ code: UInt8) -> Self { Self(rawValue: code) }
}
