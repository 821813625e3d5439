import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Testing

@Suite("A guest's SMMUv3 stream on a software host")
struct StreamTests {
  private static let address: UInt64 = 0x12_3456_7000
  /// Where the guest's table of context descriptors starts.
  private static let descriptors: UInt64 = 0x10_0000
  private static let pageFlags: UInt64 = 1 << 10 | 1 << 6 | 3

  /// A guest with a translation of its own for each of PASIDs 1 to 3.
  private func guest(_ machine: borrowing GuestMachine, twoLevels: Bool) throws -> GuestStage1 {
    var next: UInt64 = 0x30_0000
    var leaf = Self.descriptors
    if twoLevels {
      leaf = 0x11_0000
      try machine.poke(leaf | 1, at: Self.descriptors)
    }
    for pasid in 1...3 as ClosedRange<UInt64> {
      let root = 0x20_0000 + pasid << 12
      // AArch64, 48 bits, the upper half off; faults are recorded and abort.
      let bits: [UInt64] = [4, 30, 31, 32, 34, 41, 45, 46]
      let word = bits.reduce(pasid << 48) { $0 | 1 << $1 }
      try machine.poke(word, at: leaf + pasid << 6)
      try machine.poke(root, at: leaf + pasid << 6 + 8)
      let page = 0x40_0000 + pasid << 12
      try machine.poke(pasid, at: page)
      try machine.mapFirstStage(
        Self.address, to: page, root: root, next: &next, flags: Self.pageFlags)
    }
    // V and Config, stage 1, are 0xB; S1Fmt; S1CDMax: 16 numbers, or 128.
    let format: UInt64 = twoLevels ? 1 << 4 | 7 << 59 : 4 << 59
    return .smmuv3(word0: 0xB | format | Self.descriptors, word1: 0)
  }

  @Test("its PASIDs come with it, and what they may not do is told", arguments: [false, true])
  func stream(twoLevels: Bool) throws {
    let machine = try GuestMachine(device: 6, isStrict: true)
    let stage1 = try guest(machine, twoLevels: twoLevels)
    let parent = try machine.space.makePageTable(for: machine.device, options: .nestParent)
    let viommu = try VirtualIOMMU(.smmuv3, for: machine.device, on: parent)
    let stream = try VirtualDevice(0x30, of: machine.device, behind: viommu)
    let events = try EventQueue(of: viommu, .smmuv3, depth: 8)
    let nested = try viommu.makeNestedTable(for: machine.device, stage1)
    #expect(machine.read(Self.address, pasid: 1).isBlocked)
    try machine.device.attach(to: nested)
    for pasid in 1...3 as ClosedRange<UInt32> {
      #expect(machine.read(Self.address, pasid: pasid) == .value(UInt64(pasid)))
    }
    #expect(try events.readEvents().isEmpty)

    // F_TRANSLATION, C_BAD_CD, C_BAD_SUBSTREAMID and F_STREAM_DISABLED, with the guest's number.
    let wrong: [(event: UInt64, address: UInt64, pasid: UInt32?)] = [
      (0x10, Self.address + 0x1000, 2), (0x0A, Self.address, 5), (0x08, Self.address, 200),
      (0x06, Self.address, nil),
    ]
    for (event, address, pasid) in wrong {
      #expect(machine.read(address, pasid: pasid).fault != nil)
      let found = try events.readEvents()
      guard found.count == 1, case .record(let words) = found[0].content else {
        Issue.record("event \(event): \(found)")
        continue
      }
      #expect(words[0] & 0xFF == event)
      #expect(words[0] >> 32 == stream.virtualID)
      #expect(words[0] >> 11 & 1 == (pasid == nil ? 0 : 1))
      #expect(words[0] >> 12 & 0xF_FFFF == UInt64(pasid ?? 0))
      if event == 0x10 { #expect(words[2] == address) }
    }
    try machine.device.detach()
    #expect(machine.read(Self.address, pasid: 1).isBlocked)
  }

  @Test("what the guest does not invalidate is used until it does")
  func invalidation() throws {
    let machine = try GuestMachine(device: 6, isStrict: true)
    let stage1 = try guest(machine, twoLevels: false)
    let parent = try machine.space.makePageTable(for: machine.device, options: .nestParent)
    let viommu = try VirtualIOMMU(.smmuv3, for: machine.device, on: parent)
    let stream = try VirtualDevice(0x30, of: machine.device, behind: viommu)
    let nested = try viommu.makeNestedTable(for: machine.device, stage1)
    try machine.device.attach(to: nested)
    let unit = machine.endpoint.unit
    for pasid in 1...2 as ClosedRange<UInt32> {
      #expect(machine.read(Self.address, pasid: pasid) == .value(UInt64(pasid)))
    }

    // A page moves: TLBI_NH_VA of another ASID is none of its business.
    var next: UInt64 = 0x38_0000
    try machine.mapFirstStage(
      Self.address, to: 0x40_3000, root: 0x20_1000, next: &next, flags: Self.pageFlags)
    let other = SMMUv3Command(word0: 0x12 | 2 << 48, word1: Self.address)
    #expect(try viommu.invalidate([other]) == 1)
    #expect(machine.read(Self.address, pasid: 1) == .value(1))
    #expect(unit.staleHitCount == 1)
    let own = SMMUv3Command(word0: 0x12 | 1 << 48, word1: Self.address)
    #expect(try viommu.invalidate([own]) == 1)
    #expect(machine.read(Self.address, pasid: 1) == .value(3))

    // A context descriptor goes: CFGI_CD with the stream's number, after TLBI_NH_ASID.
    try machine.poke(0, at: Self.descriptors + 2 << 6)
    #expect(machine.read(Self.address, pasid: 2) == .value(2))
    let commands = [
      SMMUv3Command(word0: 0x11 | 2 << 48, word1: 0),
      SMMUv3Command(word0: 0x05 | 2 << 12 | stream.virtualID << 32, word1: 1),
    ]
    #expect(try viommu.invalidate(commands) == 2)
    #expect(machine.read(Self.address, pasid: 2).fault != nil)

    // A command for a stream that the guest does not have, after one that is carried out.
    do {
      try viommu.invalidate([own, SMMUv3Command(word0: 0x06 | 0x31 << 32, word1: 31)])
      Issue.record("a stream of somebody else")
    } catch {
      #expect(error.errno == .EIO)
      #expect(error.handled == 1)
    }
  }
}
