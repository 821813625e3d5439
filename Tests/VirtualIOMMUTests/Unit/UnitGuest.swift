import HostSystem
import Hardware
import IOMMU

@testable import VirtualIOMMU

/// A guest with a unit, which it programs as a driver does.
final class UnitGuest {
  /// The guest's memory starts at guest physical address 0; page 0 is never used.
  let bytes: AnonymousMemory
  let table = PagingTable()
  let memory: GuestMemory
  let unit: VTdUnit
  let interrupts = RecordingInterrupts()

  private var nextPage: UInt64 = 1
  /// The invalidation queue.
  let queue: UInt64
  let queueBytes: UInt64
  let isWide: Bool
  private(set) var tail: UInt64 = 0
  /// Where waits write.
  let status: UInt64
  private(set) var lastStatus: UInt32 = 0

  let root: UInt64
  private var contexts: [UInt64: UInt64] = [:]

  static let requester = RequesterID(bus: 1, devfn: 0x10)

  init(
    pages: Int = 512, _ configuration: VTdConfiguration? = nil, isWide: Bool = true,
    queueOrder: UInt64 = 0
  ) throws {
    bytes = try AnonymousMemory(byteCount: pages * 4096)
    for page in 0..<UInt64(pages) {
      try table.map(
        IOVA(page << 12), byteCount: 4096, to: HostAddress(bytes.address + page << 12),
        allowing: [.read, .write])
    }
    memory = GuestMemory(table)
    unit = VTdUnit(
      try configuration ?? VTdConfiguration(), memory: memory, interrupts: interrupts)
    self.isWide = isWide
    queueBytes = 4096 << queueOrder
    queue = nextPage << 12
    nextPage += 1 << queueOrder
    status = nextPage << 12
    root = (nextPage + 1) << 12
    nextPage += 2
  }

  /// A page of zeros.
  func page() -> UInt64 {
    defer { nextPage += 1 }
    return nextPage << 12
  }

  /// The word at a guest physical address.
  subscript(_ address: UInt64) -> UInt64 {
    get { HostMemory.load(at: HostAddress(bytes.address + address)) }
    set { HostMemory.store(newValue, at: HostAddress(bytes.address + address)) }
  }

  // MARK: Registers

  func read(_ offset: Int) -> UInt32 { UInt32(unit.read(offset, size: 4)) }
  func write(_ value: UInt32, _ offset: Int) { unit.write(UInt64(value), at: offset, size: 4) }

  var globalStatus: VTdGlobalCommand {
    VTdGlobalCommand(rawValue: read(VTdRegister.status))
  }
  var faultStatus: VTdFaultStatus { VTdFaultStatus(rawValue: read(VTdRegister.faultStatus)) }
  var head: UInt64 { unit.read(VTdRegister.queueHead, size: 8) }

  /// A command bit on or off; the others stay as they are.
  func command(_ change: (inout VTdGlobalCommand) -> Void) {
    var command = globalStatus
    command.rootPointer = false
    command.interruptPointer = false
    change(&command)
    write(command.rawValue, VTdRegister.command)
  }

  func enableQueue() {
    tail = 0
    unit.write(0, at: VTdRegister.queueTail, size: 8)
    let order = UInt64((queueBytes >> 12).trailingZeroBitCount)
    unit.write(queue | (isWide ? 1 << 11 : 0) | order, at: VTdRegister.queueAddress, size: 8)
    command { $0.queuedInvalidation = true }
  }

  func setRoot(scalable: Bool = true) {
    unit.write(root | (scalable ? 1 << 10 : 0), at: VTdRegister.rootTable, size: 8)
    command { $0.rootPointer = true }
  }

  func enableTranslation() { command { $0.translation = true } }

  /// Everything on, as after a driver's start.
  func start(scalable: Bool = true) {
    enableQueue()
    setRoot(scalable: scalable)
    submit([.contextGlobal, .pasidGlobal, .iotlbGlobal])
    enableTranslation()
  }

  // MARK: Queue

  /// Puts descriptors into the queue without telling the unit.
  func put(_ descriptors: [VTdDescriptor]) {
    for descriptor in descriptors {
      self[queue + tail] = descriptor.word0
      self[queue + tail + 8] = descriptor.word1
      if isWide {
        self[queue + tail + 16] = descriptor.word2
        self[queue + tail + 24] = descriptor.word3
      }
      tail = (tail + (isWide ? 32 : 16)) % queueBytes
    }
  }

  func ring() { unit.write(tail, at: VTdRegister.queueTail, size: 4) }

  /// Gives descriptors to the unit, and a wait after them.
  ///
  /// - Returns: Whether the wait completed.
  @discardableResult
  func submit(_ descriptors: [VTdDescriptor]) -> Bool {
    lastStatus += 1
    put(descriptors + [.wait(lastStatus, at: status)])
    ring()
    return UInt32(truncatingIfNeeded: self[status]) == lastStatus
  }

  // MARK: Tables

  /// Writes a scalable context entry for a requester, with a directory of 2^(7+PDTS) entries.
  ///
  /// - Returns: The directory.
  @discardableResult
  func writeContext(
    _ requester: RequesterID = UnitGuest.requester, pdts: UInt64 = 7, flags: UInt64 = 0x1D,
    directory: UInt64? = nil
  ) -> UInt64 {
    var first = directory ?? 0
    if directory == nil {
      first = page()
      // 16,384 entries of 8 bytes at most.
      nextPage += max(1, UInt64(1 << (pdts + 7)) * 8 / 4096) - 1
    }
    let place = contextPlace(requester)
    self[place + 8] = 0
    self[place] = first | pdts << 9 | flags
    return first
  }

  /// Where a requester's scalable context entry is.
  func contextPlace(_ requester: RequesterID) -> UInt64 {
    let half = root + UInt64(requester.bus) * 16 + UInt64(requester.devfn >> 7) * 8
    if self[half] & 1 == 0 { self[half] = page() | 1 }
    return (self[half] & ~0xFFF) + UInt64(requester.devfn & 127) * 32
  }

  /// Where a PASID's entry is.
  func entryPlace(_ pasid: UInt32, _ directory: UInt64) -> UInt64 {
    let place = directory + UInt64(pasid >> 6) * 8
    if self[place] & 1 == 0 { self[place] = page() | 1 }
    return (self[place] & ~0xFFF) + UInt64(pasid & 63) * 64
  }

  /// Writes an entry with a first stage, or another type.
  func writeEntry(
    _ pasid: UInt32, _ directory: UInt64, root: UInt64, domain: UInt16 = 1, type: UInt64 = 1,
    flags: UInt64 = 0
  ) {
    let place = entryPlace(pasid, directory)
    self[place + 8] = UInt64(domain)
    self[place + 16] = root | flags
    // The width of a second stage has to be valid where nothing translates, too.
    self[place] = 1 | type << 6 | (type == 1 ? 0 : 2 << 2)
  }

  func clearEntry(_ pasid: UInt32, _ directory: UInt64) { self[entryPlace(pasid, directory)] = 0 }

  // MARK: Devices

  @discardableResult
  func addDevice(_ requester: RequesterID = UnitGuest.requester) throws -> RecordingBackend {
    let backend = RecordingBackend()
    try unit.add(.sample(backend), at: requester)
    return backend
  }
}

extension HostIOMMUDevice {
  /// A device behind a unit that can do everything.
  static func sample(
    _ backend: any DeviceBackend, capability: UInt64 = .max, extended: UInt64 = .max,
    width: Int = 57
  ) -> Self {
    Self(
      name: "0000:01:02.0", deviceID: 1,
      unit: .vtd(flags: 0, capability: capability, extendedCapability: extended),
      guestAddressWidth: width, backend: backend)
  }
}

extension VTdDescriptor {
  init(_ word0: UInt64, _ word1: UInt64 = 0) { self.init(word0: word0, word1: word1) }

  static let contextGlobal = Self(0x11)
  static let pasidGlobal = Self(0x37)
  static let iotlbGlobal = Self(0x12)

  static func wait(_ value: UInt32, at address: UInt64, interrupts: Bool = false) -> Self {
    Self(5 | 1 << 5 | (interrupts ? 1 << 4 : 0) | UInt64(value) << 32, address)
  }
  static func pasidCache(_ pasid: UInt32, _ domain: UInt16 = 1) -> Self {
    Self(7 | 1 << 4 | UInt64(domain) << 16 | UInt64(pasid) << 32)
  }
  static func pasidCache(domain: UInt16) -> Self { Self(7 | UInt64(domain) << 16) }
  static func pasidPages(
    _ pasid: UInt32, _ domain: UInt16 = 1, at address: UInt64, mask: UInt64 = 0, leaf: Bool = false
  ) -> Self {
    Self(
      6 | 3 << 4 | UInt64(domain) << 16 | UInt64(pasid) << 32,
      address | mask | (leaf ? 0x40 : 0))
  }
  static func pasidAll(_ pasid: UInt32, _ domain: UInt16 = 1) -> Self {
    Self(6 | 2 << 4 | UInt64(domain) << 16 | UInt64(pasid) << 32)
  }
  static func context(_ source: UInt16, mask: UInt64 = 0) -> Self {
    Self(1 | 3 << 4 | UInt64(source) << 32 | mask << 48)
  }
}

extension PASID {
  /// A PASID that is known to fit.
  static func number(_ value: UInt32) -> PASID? { PASID(rawValue: value) }
}
