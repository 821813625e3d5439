import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Synchronization
import TestSupport

/// A program with two devices on one address space, all of whose pages come and go.
///
/// Each page has its number in its first word while it is mapped, and another one after it was
/// unmapped, so that a request which still reaches it is found out.
final class BusyHost: Sendable {
  static let pages = 16
  /// Where guest memory lies that stays, with the tables of the first stage; the pages are at 0.
  static let tables: UInt64 = 0x100_0000
  static let gone: UInt64 = 0xDEAD_DEAD_DEAD_DEAD

  let host: SoftwareHost
  let process: SoftProcess
  let context: IOMMUClient.IOMMUContext
  /// With PASIDs.
  let accelerator: BoundDevice
  /// Without.
  let network: BoundDevice
  let space: IOAddressSpace
  let parent: HardwarePageTable
  /// A first stage that maps every page to itself, and one that faults.
  let nested: HardwarePageTable
  let absent: HardwarePageTable
  let queue: IOMMUClient.FaultQueue
  let memory: UInt64

  let isDone = Atomic(false)
  /// What was seen that must not be.
  let wrong = Atomic(0)
  let successes = Atomic(0)
  let blocked = Atomic(0)

  init() throws {
    host = SoftwareHost.server()
    process = host.makeProcess(Credentials())
    context = try IOMMUClient.IOMMUContext(on: process)
    accelerator = try VFIODevice(path: "/dev/vfio/devices/vfio0", on: process).bind(to: context)
    network = try VFIODevice(path: "/dev/vfio/devices/vfio1", on: process).bind(to: context)
    space = try IOAddressSpace(in: context)
    memory = try process.allocate(Self.pages << 12, [.read, .write])
    let tableMemory = try process.allocate(8 << 12, [.read, .write])
    _ = try space.map(tableMemory, byteCount: 8 << 12, at: IOVA(Self.tables))
    parent = try space.makePageTable(for: accelerator, options: [.nestParent, .pasid])
    try accelerator.attach(to: parent)
    try network.attach(to: parent)
    queue = try IOMMUClient.FaultQueue(in: context)
    // Four levels in pages 0 to 3; the root of the other stage is page 4, which is empty.
    let process = process
    func put(_ value: UInt64, _ page: UInt64, _ entry: UInt64) throws {
      let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
      try process.store(bytes, tableMemory + page << 12 + entry * 8)
    }
    for level in 0..<3 as Range<UInt64> { try put(Self.tables + (level + 1) << 12 | 7, level, 0) }
    for page in 0..<UInt64(Self.pages) { try put(page << 12 | 7, 3, page) }
    nested = try parent.makeNestedTable(
      for: accelerator, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(Self.tables))),
      options: .pasid)
    absent = try parent.makeNestedTable(
      for: accelerator,
      .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(Self.tables + 0x4000))),
      options: .pasid, faults: queue)
    for page in 0..<Self.pages {
      try sign(page)
      try map(page)
    }
  }

  /// Runs each piece of work on a thread of its own until all are over.
  func run(_ works: [@Sendable (BusyHost, inout SplitMix64) throws -> Void]) {
    onThreads(works.count) { index in
      var random = SplitMix64(seed: UInt64(index))
      do { try works[index](self, &random) } catch {
        self.wrong.add(1, ordering: .relaxed)
        self.isDone.store(true, ordering: .relaxed)
      }
    }
  }

  var isOver: Bool { isDone.load(ordering: .relaxed) }

  func add(_ count: borrowing Atomic<Int>) { count.add(1, ordering: .relaxed) }

  // MARK: Pages

  func put(_ value: UInt64, _ page: Int, word: Int) throws {
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    try process.store(bytes, memory + UInt64(page) << 12 + UInt64(word) * 8)
  }

  func word(_ page: Int, _ word: Int) throws -> UInt64 {
    try process.load(memory + UInt64(page) << 12 + UInt64(word) * 8, 8).enumerated().reduce(0) {
      $0 | UInt64($1.element) << (8 * $1.offset)
    }
  }

  func sign(_ page: Int) throws { try put(UInt64(page) + 1, page, word: 0) }

  func map(_ page: Int) throws {
    _ = try space.map(
      memory + UInt64(page) << 12, byteCount: 4096, at: IOVA(UInt64(page) << 12))
  }

  func unmap(_ page: Int) throws {
    let start = UInt64(page) << 12
    _ = try space.unmap(IOVA(start)...IOVA(start + 0xFFF))
  }

  /// Bus mastering and memory decode; a reset takes them away.
  func enable(_ device: borrowing BoundDevice, of other: SoftProcess? = nil) throws {
    let process = other ?? process
    let page = try process.allocate(4096, [.read, .write])
    defer { try? process.release(page, 4096) }
    try process.store([6, 0], page)
    _ = try process.pwrite(device.descriptor, page, 2, at: 7 << 40 + 4)
  }
}
