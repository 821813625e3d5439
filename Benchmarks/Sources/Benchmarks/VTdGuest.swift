import HostSystem
import Hardware
import IOMMU
import VirtualIOMMU

/// A guest that has programmed a VT-d unit: one device, PASIDs 1 to a number, a queue of 32-byte
/// descriptors.
final class VTdGuest {
  /// A backend that counts, so that what is measured is the unit.
  final class Counter: DeviceBackend, @unchecked Sendable {
    var attached = 0
    var removed = 0
    var batches = 0
    var ranges = 0
    var sum: UInt64 = 0

    func setTranslation(
      _ translation: GuestTranslation, for pasid: PASID?
    ) throws(BackendRefusal) { attached += 1 }

    func removeTranslation(of pasid: PASID?) { removed += 1 }

    func invalidate(
      _ ranges: Span<FirstStageInvalidation>, of pasid: PASID?
    ) throws(BackendRefusal) {
      batches += 1
      self.ranges += ranges.count
      var sum: UInt64 = 0
      for index in ranges.indices { sum &+= ranges[index].address }
      self.sum &+= sum
    }

    func respond(_ response: PageGroupResponse) {}
  }

  struct NoInterrupts: MessageInterrupts {
    func send(_ data: UInt32, to address: UInt64) {}
  }

  let bytes: AnonymousMemory
  let unit: VTdUnit
  let counter = Counter()
  let pasids: Int

  private static let root: UInt64 = 0x1000
  private static let context: UInt64 = 0x2000
  private static let directory: UInt64 = 0x3000
  private static let status: UInt64 = 0x4000
  private static let tables: UInt64 = 0x10_0000
  private static let queue: UInt64 = 0x8_0000
  let queueBytes: UInt64
  private(set) var tail: UInt64 = 0

  /// Starts a guest.
  ///
  /// - Parameters:
  ///   - pasids: How many PASIDs there can be; below 32,768.
  ///   - queueOrder: The queue has 2^queueOrder pages of 128 descriptors.
  /// - Throws: When there is no memory.
  init(pasids: Int, queueOrder: UInt64) throws {
    self.pasids = pasids
    let pages = 256 + pasids / 64 + 1
    bytes = try AnonymousMemory(byteCount: pages * 4096)
    let table = PagingTable()
    for page in 0..<UInt64(pages) {
      try table.map(
        IOVA(page << 12), byteCount: 4096, to: HostAddress(bytes.address + page << 12),
        allowing: [.read, .write])
    }
    unit = VTdUnit(
      try VTdConfiguration(), memory: GuestMemory(table), interrupts: NoInterrupts())
    queueBytes = 4096 << queueOrder
    self[Self.root] = Self.context | 1
    self[Self.context + 32 * 8] = Self.directory | 2 << 9 | 0x1D
    for entry in 0...UInt64(pasids / 64) {
      self[Self.directory + entry * 8] = (Self.tables + entry << 12) | 1
    }
    try unit.add(
      HostIOMMUDevice(
        name: "device", deviceID: 1,
        unit: .vtd(flags: 0, capability: .max, extendedCapability: .max), backend: counter),
      at: RequesterID(bus: 0, devfn: 8))
    unit.write(Self.queue | 1 << 11 | queueOrder, at: VTdRegister.queueAddress, size: 8)
    unit.write(1 << 26, at: VTdRegister.command, size: 4)
    unit.write(Self.root | 1 << 10, at: VTdRegister.rootTable, size: 8)
    unit.write(1 << 26 | 1 << 30, at: VTdRegister.command, size: 4)
    unit.write(1 << 26 | 1 << 31, at: VTdRegister.command, size: 4)
  }

  subscript(_ address: UInt64) -> UInt64 {
    get { HostMemory.load(at: HostAddress(bytes.address + address)) }
    set { HostMemory.store(newValue, at: HostAddress(bytes.address + address)) }
  }

  /// Puts a descriptor at the tail.
  func put(_ low: UInt64, _ high: UInt64) {
    let place = Self.queue + tail
    self[place] = low
    self[place + 8] = high
    self[place + 16] = 0
    self[place + 24] = 0
    tail = (tail + 32) & (queueBytes - 1)
  }

  func putWait() { put(5 | 1 << 5 | 1 << 32, Self.status) }

  /// Rings the doorbell with the tail moved on; what stands there is run.
  func ring() { unit.write(tail, at: VTdRegister.queueTail, size: 4) }

  /// Moves the tail over descriptors that stand in the queue already.
  func ring(over count: UInt64) {
    tail = (tail + 32 * count) & (queueBytes - 1)
    ring()
  }

  /// Lets a PASID have a first stage, or none, and tells the unit as Linux does.
  func set(_ pasid: UInt64, isPresent: Bool) {
    let place = Self.tables + pasid << 6
    self[place + 8] = 1
    self[place + 16] = pasid << 12
    self[place] = isPresent ? 1 | 1 << 6 : 0
    put(7 | 1 << 4 | 1 << 16 | pasid << 32, 0)
    put(6 | 2 << 4 | 1 << 16 | pasid << 32, 0)
    putWait()
    ring()
  }

  /// Fills the whole queue with invalidations of single pages, in no order; the last is a wait.
  func fill() {
    var random = SplitMix64(seed: 5)
    while tail != 0 { putWait() }
    for _ in 0..<queueBytes / 32 - 1 {
      let pasid = 1 + random.next() % UInt64(pasids)
      put(6 | 3 << 4 | 1 << 16 | pasid << 32, random.next() & 0x7FFF_FFFF_F000)
    }
    putWait()
  }

  /// The words of the queue and nothing else, as a baseline.
  func sum() -> UInt64 {
    var sum: UInt64 = 0
    for place in stride(from: Self.queue, to: Self.queue + queueBytes, by: 32) {
      sum &+= self[place] &+ self[place + 8] &+ self[place + 16] &+ self[place + 24]
    }
    return sum
  }
}
