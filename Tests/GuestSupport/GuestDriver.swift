package import HostABI
package import Hardware
import IOMMU
package import VirtualIOMMU

/// A guest that programs a VT-d unit's registers, queues and tables as a driver does, in memory that
/// devices of a host reach too.
package final class GuestDriver {
  package let unit: VTdUnit
  private let process: any HostKernel
  private let start: UInt64
  private var nextPage: UInt64 = 0x100
  package let queue: UInt64
  package let requests: UInt64
  private let root: UInt64
  private let status: UInt64
  private var tail: UInt64 = 0
  private var waits: UInt64 = 0

  /// Interrupts of the unit go nowhere: the tests look at the queues.
  package struct Silence: MessageInterrupts {
    package func send(_ data: UInt32, to address: UInt64) {}
  }

  /// A unit over memory of a program; the driver's pages start at 0x100000.
  package init(
    _ configuration: VTdConfiguration, in process: any HostKernel, from start: UInt64, size: UInt64
  ) throws {
    let table = PagingTable()
    try table.map(
      IOVA(0), byteCount: size, to: HostAddress(start), allowing: [.read, .write])
    unit = VTdUnit(configuration, memory: GuestMemory(table), interrupts: Silence())
    self.process = process
    self.start = start
    queue = 0x10_0000
    requests = 0x10_1000
    root = 0x10_2000
    status = 0x10_3000
    nextPage = 0x104
  }

  package func page() -> UInt64 {
    defer { nextPage += 1 }
    return nextPage << 12
  }

  package subscript(_ address: UInt64) -> UInt64 {
    get {
      let bytes = (try? process.load(start + address, 8)) ?? []
      return bytes.enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * $1.offset) }
    }
    set {
      try? process.store(
        (0..<8).map { UInt8(truncatingIfNeeded: newValue >> (8 * $0)) }, start + address)
    }
  }

  /// Turns one bit of the global command on and waits for its status.
  private func command(_ bit: UInt64) -> Bool {
    let lasting = unit.read(0x1C, size: 4) & 0x96FF_FFFF
    unit.write(lasting | 1 << bit, at: 0x18, size: 4)
    return unit.read(0x1C, size: 4) >> bit & 1 == 1
  }

  /// Queue, root table, translation, page request queue.
  package func boot() -> Bool {
    unit.write(queue | 1 << 11, at: 0x90, size: 8)
    unit.write(requests, at: 0xD0, size: 8)
    guard command(26) else { return false }
    unit.write(root | 1 << 10, at: 0x20, size: 8)
    return command(30) && submit([(0x11, 0), (0x37, 0), (0x12, 0)]) && command(31)
  }

  /// Puts descriptors into the queue with a wait after them, and says whether that completed.
  @discardableResult
  package func submit(_ descriptors: [(UInt64, UInt64)]) -> Bool {
    waits += 1
    for (low, high) in descriptors + [(5 | 1 << 5 | waits << 32, status)] {
      self[queue + tail] = low
      self[queue + tail + 8] = high
      self[queue + tail + 16] = 0
      self[queue + tail + 24] = 0
      tail = (tail + 32) & 0xFFF
    }
    unit.write(tail, at: 0x88, size: 8)
    return self[status] & 0xFFFF_FFFF == waits
  }

  /// A scalable context entry with device TLB, PASIDs and page requests; its directory of 2^14 PASIDs.
  package func context(_ requester: RequesterID) -> UInt64 {
    let half = root + UInt64(requester.bus) * 16 + UInt64(requester.devfn >> 7) * 8
    if self[half] & 1 == 0 { self[half] = page() | 1 }
    let place = (self[half] & ~0xFFF) + UInt64(requester.devfn & 127) * 32
    let directory = page()
    self[place + 8] = 0
    self[place] = directory | 1 << 9 | 0x1D
    return directory
  }

  /// A PASID entry: a first stage, or pass-through without one.
  package func entry(_ pasid: UInt32, _ directory: UInt64, root: UInt64?, domain: UInt64 = 1) {
    let place = directory + UInt64(pasid >> 6) * 8
    if self[place] & 1 == 0 { self[place] = page() | 1 }
    let entry = (self[place] & ~0xFFF) + UInt64(pasid & 63) * 64
    self[entry + 8] = domain
    self[entry + 16] = root ?? 0
    self[entry] = root == nil ? 1 | 4 << 6 | 2 << 2 : 1 | 1 << 6
  }

  package func clear(_ pasid: UInt32, _ directory: UInt64) {
    self[(self[directory + UInt64(pasid >> 6) * 8] & ~0xFFF) + UInt64(pasid & 63) * 64] = 0
  }

  /// Lets an address of a first stage lead to a page; tables on the way are made.
  package func map(_ address: UInt64, to target: UInt64, root: UInt64) {
    var table = root
    for level in (1...3).reversed() {
      let place = table + (address >> UInt64(12 + 9 * level) & 0x1FF) * 8
      if self[place] & 1 == 0 { self[place] = page() | 7 }
      table = self[place] & 0x000F_FFFF_FFFF_F000
    }
    self[table + (address >> 12 & 0x1FF) * 8] = target | 7
  }

  /// A first stage with one page that holds a number; the page and the top table.
  package func process(_ number: UInt64, at address: UInt64 = 0x7000) -> (
    root: UInt64, page: UInt64
  ) {
    let (root, target) = (page(), page())
    map(address, to: target, root: root)
    self[target] = number
    return (root, target)
  }
}
