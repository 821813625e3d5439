import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Testing

/// A VMM with the accelerator behind the SMMUv3, a virtual SMMUv3 for its guest, and the guest's
/// context descriptors and tables.
struct SMMUMachine: ~Copyable {
  let machine: GuestMachine
  let parent: HardwarePageTable
  let viommu: VirtualIOMMU
  /// The guest's name for the device's stream.
  static let stream: UInt64 = 0x1234
  static let address: UInt64 = 0x12_3456_7000
  /// Free guest memory for tables.
  var next: UInt64 = 0x10_0000

  init(isStrict: Bool = true) throws {
    let machine = try GuestMachine(device: 6, isStrict: isStrict)
    let parent = try machine.space.makePageTable(for: machine.device, options: .nestParent)
    try machine.device.attach(to: parent)
    viommu = try VirtualIOMMU(.smmuv3, for: machine.device, on: parent)
    self.machine = machine
    self.parent = parent
  }

  /// The words of a stream table entry.
  static func entry(
    configuration: UInt64 = 5, format: UInt64 = 0, pointer: UInt64 = 0x1000, bits: UInt64 = 4,
    dss: UInt64 = 0
  ) -> GuestStage1 {
    .smmuv3(
      word0: 1 | configuration << 1 | format << 4 | pointer | bits << 59, word1: dss)
  }

  /// Writes a context descriptor: 48 bits in 4 KiB pages, the upper half off.
  func putDescriptor(
    at address: UInt64, root: UInt64, asid: UInt64, size: UInt64 = 16, records: Bool = true,
    isValid: Bool = true
  ) throws {
    let low: UInt64 = size | 16 << 16 | 2 << 22 | 1 << 30 | (isValid ? 1 << 31 : 0)
    let high: UInt64 = 5 << 32 | 1 << 41 | (records ? 1 << 45 : 0) | 1 << 46 | asid << 48
    try machine.poke(low | high, at: address)
    try machine.poke(root, at: address + 8)
    try machine.poke(0, at: address + 16)
    try machine.poke(0xFF, at: address + 24)
  }

  /// What a page entry allows beside being there.
  static let ordinary: UInt64 = 1 << 10 | 1 << 6

  /// Maps a page in a four-level table.
  mutating func map(
    _ address: UInt64, to page: UInt64, root: UInt64, flags: UInt64 = Self.ordinary
  ) throws {
    var table = root
    for level in (1...3).reversed() {
      let place = table + (address >> UInt64(12 + 9 * level) & 0x1FF) * 8
      var entry = try machine.peek(place)
      if entry & 1 == 0 {
        entry = next | 3
        next += 4096
        try machine.poke(entry, at: place)
      }
      table = entry & 0xFFFF_FFFF_F000
    }
    try machine.poke(page | flags | 3, at: table + (address >> 12 & 0x1FF) * 8)
  }

  /// Pages and a descriptor for a substream, whose address shows a value of its own.
  mutating func addSubstream(_ number: UInt64, descriptor: UInt64, value: UInt64) throws {
    let root = next
    next += 4096
    let page: UInt64 = 0x40_0000 + number << 12
    try map(Self.address, to: page, root: root)
    try machine.poke(value, at: page)
    try putDescriptor(at: descriptor, root: root, asid: number + 1)
  }

  /// Attaches a stream table entry, with a vDEVICE that the caller has made.
  func attach(_ entry: GuestStage1) throws -> HardwarePageTable {
    let table = try viommu.makeNestedTable(for: machine.device, entry)
    try machine.device.replace(with: table)
    return table
  }

  /// The events that wait, as records of four words.
  static func records(_ queue: borrowing IOMMUClient.EventQueue) throws -> [[UInt64]] {
    try queue.readEvents().compactMap {
      guard case .record(let words) = $0.content else { return nil }
      return words
    }
  }

  func errno(_ entry: GuestStage1, options: HWPTFlags = []) -> LinuxErrno? {
    do throws(IOMMUError) {
      _ = try viommu.makeNestedTable(for: machine.device, entry, options: options)
      return nil
    } catch {
      return error.errno
    }
  }
}

extension GuestMachine.Found {
  /// What an SMMUv3 calls the fault.
  var event: SMMUEventID? {
    guard case .smmu(let event, _) = fault?.reason else { return nil }
    return event
  }
}
