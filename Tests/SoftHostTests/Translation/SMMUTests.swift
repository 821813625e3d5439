import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Testing

@Suite("A guest's SMMUv3 on a software host")
struct SMMUTests {
  static let address = SMMUMachine.address

  @Test("substreams of a linear table see the same address apart")
  func linear() throws {
    var guest = try SMMUMachine()
    let vdevice = try VirtualDevice(
      SMMUMachine.stream, of: guest.machine.device, behind: guest.viommu)
    for number in 0..<4 as Range<UInt64> {
      try guest.addSubstream(number, descriptor: 0x1000 + number * 64, value: 0xA0 + number)
    }
    let table = try guest.attach(SMMUMachine.entry(dss: 2))
    for number in 1..<4 as Range<UInt32> {
      #expect(guest.machine.read(Self.address, pasid: number) == .value(0xA0 + UInt64(number)))
      #expect(guest.machine.write(UInt64(number), Self.address + 8, pasid: number) == .done)
      #expect(try guest.machine.peek(0x40_0008 + UInt64(number) << 12) == UInt64(number))
    }
    // Without a substream, descriptor 0 translates.
    #expect(guest.machine.read(Self.address) == .value(0xA0))
    // Five is a descriptor that nobody filled, sixteen is beyond the table.
    #expect(guest.machine.read(Self.address, pasid: 5).event == .badContextDescriptor)
    #expect(
      guest.machine.read(Self.address, pasid: 16).event == .badSubstreamID)
    _ = (table.id, vdevice.id)
  }

  @Test("a table of two levels", arguments: [(1, 64), (2, 1024)] as [(UInt64, UInt64)])
  func twoLevels(format: UInt64, leaf: UInt64) throws {
    var guest = try SMMUMachine()
    let vdevice = try VirtualDevice(
      SMMUMachine.stream, of: guest.machine.device, behind: guest.viommu)
    // Leaves for the first and the third part of the substreams, at 0x20_0000 and 0x30_0000.
    try guest.machine.poke(0x20_0000 | 1, at: 0x1000)
    try guest.machine.poke(0x30_0000 | 1, at: 0x1010)
    try guest.addSubstream(3, descriptor: 0x20_0000 + 3 * 64, value: 33)
    try guest.addSubstream(4, descriptor: 0x30_0000 + 5 * 64, value: 44)
    let table = try guest.attach(SMMUMachine.entry(format: format, bits: 12, dss: 1))
    #expect(guest.machine.read(Self.address, pasid: 3) == .value(33))
    #expect(guest.machine.read(Self.address, pasid: UInt32(2 * leaf + 5)) == .value(44))
    #expect(
      guest.machine.read(Self.address, pasid: UInt32(leaf)).event == .badSubstreamID)
    _ = (table.id, vdevice.id)
  }

  @Test("S1DSS: without a substream a request ends, bypasses stage 1, or takes descriptor 0")
  func defaultSubstream() throws {
    for (dss, bits) in [(0, 4), (1, 4), (2, 4), (0, 0)] as [(UInt64, UInt64)] {
      var guest = try SMMUMachine()
      let vdevice = try VirtualDevice(
        SMMUMachine.stream, of: guest.machine.device, behind: guest.viommu)
      try guest.addSubstream(0, descriptor: 0x1000, value: 7)
      try guest.machine.poke(8, at: 0x50_0000)
      let table = try guest.attach(SMMUMachine.entry(bits: bits, dss: dss))
      let plain = guest.machine.read(Self.address)
      let zero = guest.machine.read(Self.address, pasid: 0)
      switch (dss, bits) {
      // One descriptor and no substreams.
      case (_, 0):
        #expect(plain == .value(7))
        #expect(zero.event == .badSubstreamID)
      case (0, _):
        #expect(plain.event == .streamDisabled)
        #expect(zero == .value(7))
      case (1, _):
        // Stage 2 alone, which has no such address; the guest's memory is at 0.
        #expect(plain.fault?.stage == .second)
        #expect(guest.machine.read(0x50_0000) == .value(8))
        #expect(zero == .value(7))
      default:
        #expect(plain == .value(7))
        #expect(zero.event == .streamDisabled)
      }
      _ = (table.id, vdevice.id)
    }
  }

  @Test("106: a translating entry needs a vDEVICE; abort and bypass do not")
  func needsDevice() throws {
    var guest = try SMMUMachine()
    try guest.addSubstream(0, descriptor: 0x1000, value: 7)
    try guest.machine.poke(8, at: 0x50_0000)
    let translating = try guest.viommu.makeNestedTable(
      for: guest.machine.device, SMMUMachine.entry(dss: 2))
    let bypass = try guest.viommu.makeNestedTable(
      for: guest.machine.device, SMMUMachine.entry(configuration: 4))
    let abort = try guest.viommu.makeNestedTable(
      for: guest.machine.device, SMMUMachine.entry(configuration: 0))
    // Without V all other bits count for nothing.
    let invalid = try guest.viommu.makeNestedTable(
      for: guest.machine.device, .smmuv3(word0: ~1, word1: .max))
    #expect(refusal { try guest.machine.device.replace(with: translating) } == .ENOENT)
    // The parent stays.
    #expect(guest.machine.read(0x50_0000) == .value(8))
    try guest.machine.device.replace(with: bypass)
    #expect(guest.machine.read(0x50_0000) == .value(8))
    #expect(guest.machine.read(0x50_0000, pasid: 1).fault != nil)
    for table in 0..<2 {
      if table == 0 {
        try guest.machine.device.replace(with: abort)
      } else {
        try guest.machine.device.replace(with: invalid)
      }
      #expect(guest.machine.read(0x50_0000).fault?.stage == .configuration)
    }
    let vdevice = try VirtualDevice(
      SMMUMachine.stream, of: guest.machine.device, behind: guest.viommu)
    try guest.machine.device.replace(with: translating)
    #expect(guest.machine.read(Self.address) == .value(7))
    _ = vdevice.id
  }

  @Test("5.2: bits of an entry beyond those of the guest fail EIO, the PASID flag EOPNOTSUPP")
  func masks() throws {
    let guest = try SMMUMachine()
    let good: UInt64 = 1 | 5 << 1
    for bit in 0..<64 as Range<UInt64> {
      // Word 0: reserved 58:52. Config 1, 2, 3 and 7 are no guest's.
      let allowed = 0xF80F_FFFF_FFFF_FFFF as UInt64 >> bit & 1 == 1
      let entry = GuestStage1.smmuv3(word0: good ^ 1 << bit, word1: 0)
      let changesConfiguration = (1...3).contains(bit)
      let configuration = (good ^ 1 << bit) >> 1 & 7
      let isKnown = !changesConfiguration || [0, 4, 5].contains(configuration)
      #expect(guest.errno(entry) == (bit == 0 || allowed && isKnown ? nil : .EIO), "word 0, \(bit)")
      let other = GuestStage1.smmuv3(word0: good, word1: 1 << bit)
      // EATS may be 0 or 1.
      let fits = 0x3800_00FF as UInt64 >> bit & 1 == 1 && bit != 29
      #expect(guest.errno(other) == (fits ? nil : .EIO), "word 1, \(bit)")
    }
    #expect(guest.errno(SMMUMachine.entry(), options: .pasid) == .EOPNOTSUPP)
    // Nested tables come through the vIOMMU alone.
    #expect(
      refusal {
        _ = try guest.parent.makeNestedTable(for: guest.machine.device, SMMUMachine.entry())
      } != nil)
  }

  @Test("5.2: kernel SSIDs in use keep nesting out, and nesting keeps kernel SSIDs out")
  func kernelSubstreams() throws {
    let machine = try GuestMachine(device: 6)
    let flagged = try machine.space.makePageTable(for: machine.device, options: .pasid)
    let parent = try machine.space.makePageTable(for: machine.device, options: .nestParent)
    let one = try #require(PASID(rawValue: 1))
    try machine.device.attach(to: flagged)
    try machine.device.attach(one, to: flagged)
    try machine.poke(5, at: 0x3000)
    #expect(machine.read(0x3000, pasid: 1) == .value(5))
    // The table is no PASID table, which iommufd says first.
    #expect(refusal { try machine.device.replace(with: parent) } == .EINVAL)
    #expect(machine.read(0x3000, pasid: 1) == .value(5) && machine.read(0x3000) == .value(5))
    // With SSIDs of the kernel's, a request with SSID 0 has no descriptor.
    #expect(machine.read(0x3000, pasid: 0) != .value(5))
    try machine.device.detach(one)
    try machine.device.replace(with: parent)
    #expect(refusal { try machine.device.attach(one, to: flagged) } == .EINVAL)
    #expect(machine.read(0x3000, pasid: 1).isBlocked)
  }

  @Test("a forgotten TLBI shows the old page, and each command that covers it cures it")
  func forgottenTLBI() throws {
    let covering: [(String, SMMUv3Command)] = [
      ("NSNH_ALL", .init(word0: 0x30, word1: 0)), ("NH_ALL", .init(word0: 0x10, word1: 0)),
      ("NH_ASID", .init(word0: 0x11 | 2 << 48, word1: 0)),
      ("NH_VA", .init(word0: 0x12 | 2 << 48, word1: Self.address)),
      ("NH_VAA", .init(word0: 0x13, word1: Self.address)),
      // Two pages from the one before on, in 4 KiB.
      ("a range", .init(word0: 0x12 | 2 << 48 | 1 << 12, word1: Self.address - 4096 | 1 << 10)),
    ]
    for (name, command) in covering {
      var guest = try SMMUMachine()
      let vdevice = try VirtualDevice(
        SMMUMachine.stream, of: guest.machine.device, behind: guest.viommu)
      try guest.addSubstream(1, descriptor: 0x1040, value: 1)
      let root = try guest.machine.peek(0x1048)
      let table = try guest.attach(SMMUMachine.entry())
      #expect(guest.machine.read(Self.address, pasid: 1) == .value(1))
      try guest.machine.poke(2, at: 0x60_0000)
      try guest.map(Self.address, to: 0x60_0000, root: root)
      #expect(guest.machine.read(Self.address, pasid: 1) == .value(1), "\(name)")
      #expect(guest.machine.endpoint.unit.staleHitCount == 1, "\(name)")
      // Another ASID or page is none of it.
      try guest.viommu.invalidate([
        .init(word0: 0x11 | 7 << 48, word1: 0),
        .init(word0: 0x12 | 2 << 48, word1: Self.address + 4096),
      ])
      #expect(guest.machine.read(Self.address, pasid: 1) == .value(1), "\(name)")
      #expect(try guest.viommu.invalidate([command]) == 1)
      #expect(guest.machine.read(Self.address, pasid: 1) == .value(2), "\(name)")
      _ = (table.id, vdevice.id)
    }
  }

  @Test("a forgotten CFGI_CD shows the old descriptor, and the command of this stream cures it")
  func forgottenCFGI() throws {
    for all in [false, true] {
      var guest = try SMMUMachine()
      let vdevice = try VirtualDevice(
        SMMUMachine.stream, of: guest.machine.device, behind: guest.viommu)
      try guest.addSubstream(1, descriptor: 0x1040, value: 1)
      let table = try guest.attach(SMMUMachine.entry())
      #expect(guest.machine.read(Self.address, pasid: 1) == .value(1))
      // Another root and ASID: no TLB entry is in the way.
      let root = guest.next
      guest.next += 4096
      try guest.map(Self.address, to: 0x61_0000, root: root)
      try guest.machine.poke(9, at: 0x61_0000)
      try guest.putDescriptor(at: 0x1040, root: root, asid: 99)
      #expect(guest.machine.read(Self.address, pasid: 1) == .value(1))
      let stream = SMMUMachine.stream << 32
      // Another substream's descriptor is none of it.
      try guest.viommu.invalidate([.init(word0: 0x05 | 2 << 12 | stream, word1: 1)])
      #expect(guest.machine.read(Self.address, pasid: 1) == .value(1))
      // A stream that the guest does not have, and commands that are not the guest's.
      for word: UInt64 in [0x05 | 77 << 32, 0x06 | 77 << 32, 0x03 | stream, 0x04, 0x46, 0x28] {
        #expect(
          refusal { try guest.viommu.invalidate([.init(word0: word, word1: 0)]) } == .EIO)
      }
      try guest.viommu.invalidate([
        .init(word0: (all ? 0x06 : 0x05 | 1 << 12) | stream, word1: 1)
      ])
      #expect(guest.machine.read(Self.address, pasid: 1) == .value(9))
      _ = (table.id, vdevice.id)
    }
  }

  @Test("a bad command leaves those before it done, and tells how many")
  func partly() throws {
    var guest = try SMMUMachine()
    let vdevice = try VirtualDevice(
      SMMUMachine.stream, of: guest.machine.device, behind: guest.viommu)
    try guest.addSubstream(1, descriptor: 0x1040, value: 1)
    let root = try guest.machine.peek(0x1048)
    let table = try guest.attach(SMMUMachine.entry())
    #expect(guest.machine.read(Self.address, pasid: 1) == .value(1))
    try guest.machine.poke(2, at: 0x60_0000)
    try guest.map(Self.address, to: 0x60_0000, root: root)
    do throws(IOMMUError) {
      try guest.viommu.invalidate([
        .init(word0: 0x30, word1: 0), .init(word0: 0x46, word1: 0), .init(word0: 0x30, word1: 0),
      ])
      Issue.record("a SYNC was taken")
    } catch {
      #expect(error.errno == .EIO && error.handled == 1)
    }
    #expect(guest.machine.read(Self.address, pasid: 1) == .value(2))
    _ = (table.id, vdevice.id)
  }
}

/// The errno that a request fails with.
func refusal(_ body: () throws -> Void) -> LinuxErrno? {
  do {
    try body()
    return nil
  } catch {
    return (error as? IOMMUError)?.errno ?? error as? LinuxErrno
  }
}
