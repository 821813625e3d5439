import HostSystem
import Hardware
import IOMMU
import VirtualIOMMU

/// A guest with a VT-d unit, one emulated device and one page of a process, which it moves from place
/// to place and tells the unit of.
final class ServeGuest {
  let unit: VTdUnit
  private let bytes: AnonymousMemory
  private let endpoint: VTdEndpoint
  private var tail: UInt64 = 0
  private var round: UInt64 = 0

  private static let pasid = PASID(rawValue: 5)
  private static let iova: UInt64 = 0x7F00_1234_5000
  /// Pages: root, context, directory, PASID table, queue, status, four levels, and what they lead to.
  private static let (root, context, directory, pasids, queue, status, levels, data):
    (
      UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
    ) = (0x1000, 0x2000, 0x3000, 0x4000, 0x5000, 0x6000, 0x7000, 0xB000)

  init() throws {
    let pages: UInt64 = 16
    bytes = try AnonymousMemory(byteCount: Int(pages) << 12)
    let table = PagingTable()
    for page in 0..<pages {
      try table.map(
        IOVA(page << 12), byteCount: 4096, to: HostAddress(bytes.address + page << 12),
        allowing: [.read, .write])
    }
    unit = VTdUnit(
      try VTdConfiguration(), memory: GuestMemory(table), interrupts: VTdGuest.NoInterrupts())
    let requester = RequesterID(bus: 0, devfn: 8)
    try unit.addEmulated(at: requester, name: "device")
    endpoint = unit.endpoint(at: requester, translatedBy: unit.makeTranslator())
    self[Self.root] = Self.context | 1
    self[Self.context + 32 * 8] = Self.directory | 2 << 9 | 0x1D
    self[Self.directory] = Self.pasids | 1
    let entry = Self.pasids + 5 << 6
    self[entry + 8] = 1
    self[entry + 16] = Self.levels
    self[entry] = 1 | 1 << 6
    for level in 0..<3 as Range<UInt64> {
      // Present, writable, user, accessed, dirty.
      self[Self.slot(level)] = Self.levels + (level + 1) << 12 | 0x67
    }
    unit.write(Self.queue | 1 << 11, at: VTdRegister.queueAddress, size: 8)
    unit.write(1 << 26, at: VTdRegister.command, size: 4)
    unit.write(Self.root | 1 << 10, at: VTdRegister.rootTable, size: 8)
    unit.write(1 << 26 | 1 << 30, at: VTdRegister.command, size: 4)
    unit.write(1 << 26 | 1 << 31, at: VTdRegister.command, size: 4)
    self[Self.slot(3)] = Self.data | 0x67
  }

  private subscript(_ address: UInt64) -> UInt64 {
    get { HostMemory.load(at: HostAddress(bytes.address + address)) }
    set { HostMemory.store(newValue, at: HostAddress(bytes.address + address)) }
  }

  /// The entry of a level, 0 the top one, that leads to the page.
  private static func slot(_ level: UInt64) -> UInt64 {
    levels + level << 12 + (iova >> (39 - 9 * level) & 511) << 3
  }

  private func put(_ low: UInt64, _ high: UInt64) {
    let place = Self.queue + tail
    self[place] = low
    self[place + 8] = high
    self[place + 16] = 0
    self[place + 24] = 0
    tail = (tail + 32) & 0xFFF
  }

  /// Where a device's read goes; it is cached afterwards.
  var found: UInt64? {
    endpoint.withRequests(Self.pasid) { requests in
      guard case .success(let found) = requests.translate(IOVA(Self.iova), .read) else {
        return nil
      }
      return found.address.rawValue - bytes.address
    }
  }

  /// Where the page is.
  var place: UInt64 { Self.data + (round & 1) << 12 }

  /// Moves the page and writes what tells the unit of it: one page of one PASID, and a wait.
  ///
  /// - Returns: The tail that is to be written to the doorbell.
  func move() -> UInt64 {
    round += 1
    self[Self.slot(3)] = place | 0x67
    put(6 | 3 << 4 | 1 << 16 | 5 << 32, Self.iova)
    put(5 | 1 << 5 | (round & 0xFFFF_FFFF) << 32, Self.status)
    return tail
  }

  /// Whether the wait of the last move is done.
  var isDone: Bool { self[Self.status] & 0xFFFF_FFFF == round & 0xFFFF_FFFF }
}
