import DeviceModels
import HostABI
import HostLab
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Testing

@Suite("The accelerator on a software host")
struct HostTests {
  private func pasid(_ number: UInt32) throws -> PASID { try #require(PASID(rawValue: number)) }

  @Test("without a PASID it copies through what its RID is attached to")
  func rid() async throws {
    let bench = try HostBench()
    let device = try bench.bind()
    _ = try device.attach(to: try bench.space())
    try device.enable()
    try await device.start([Driver.Queue()], on: bench)
    let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    try bench.put(bytes, at: 0x4000)
    #expect(try await device.run(bench.move(0x4000, 0x8000, 5000), on: bench) == 1)
    #expect(try bench.get(0x8000, 5000) == bytes)
    let interrupts = try bench.program.makeEventCounter()
    try device.deliver(.msix, from: 1, to: [interrupts])
    let noisy = bench.move(0x4000, 0x8000, 8).with {
      $0.flags |= 1 << 4
      $0.handle = 1
    }
    #expect(try await device.run(noisy, on: bench) == 1)
    #expect(try await bench.wait { try bench.program.poll(interrupts).contains(.readable) })
    bench.running.stop()
  }

  @Test(
    "each PASID reaches its own space, and one that is not attached nothing",
    arguments: [
      UnitChoice.Kind.vtd, .smmuv3,
    ])
  func pasids(kind: UnitChoice.Kind) async throws {
    let bench = try HostBench(unit: UnitChoice(kind))
    let device = try bench.bind()
    let (first, second) = (try pasid(5), try pasid(9))
    let plain = try bench.space()
    let table = try plain.makePageTable(for: device, options: .pasid)
    try device.attach(to: table)
    // The second space has the pages from 0x8000 on not, but for the record's.
    let small = try bench.space(0..<8)
    let firstTable = try plain.makePageTable(for: device, options: .pasid)
    let secondTable = try small.makePageTable(for: device, options: .pasid)
    try device.attach(first, to: firstTable)
    try device.attach(second, to: secondTable)
    try device.enable()
    try await device.start(
      [Driver.Queue(pasid: 5), Driver.Queue(pasid: 9), Driver.Queue(pasid: 77)], on: bench)
    try bench.put([1, 2, 3, 4], at: 0x4000)
    #expect(try await device.run(bench.move(0x4000, 0x8000, 4), queue: 0, on: bench) == 1)
    #expect(try bench.get(0x8000, 4) == [1, 2, 3, 4])
    #expect(try await device.run(bench.move(0x4000, 0x7000, 4), queue: 1, on: bench) == 1)
    #expect(try bench.get(0x7000, 4) == [1, 2, 3, 4])
    // ATS answers "no such page", and the write is the device's fault.
    #expect(try await device.run(bench.move(0x4000, 0x9000, 4), queue: 1, on: bench) == 0x83)
    // Nobody answers for the third: not even the record can be written.
    _ = try await device.run(bench.move(0x4000, 0xA000, 4), queue: 2, on: bench, isAwaited: false)
    #expect(try await bench.wait { try device.read32(0xC0) & 1 == 1 })
    #expect(try device.read32(0xC0) >> 8 & 0xFF == 0x1A)
    #expect(try device.read32(0xC4) >> 8 & 0xF_FFFF == 77)
    #expect(try bench.get(0xA000, 4) == [0, 0, 0, 0])
    try device.detach(first)
    try device.write32(3, 0xC0)
    _ = try await device.run(bench.move(0x4000, 0xB000, 4), queue: 0, on: bench, isAwaited: false)
    #expect(try await bench.wait { try device.read32(0xC0) & 1 == 1 })
    #expect(try bench.get(0xB000, 4) == [0, 0, 0, 0])
    #expect(bench.host.units[0].staleHits.isEmpty)
    bench.running.stop()
  }

  @Test("ENQCMD carries a PASID of its own")
  func shared() async throws {
    let bench = try HostBench()
    let device = try bench.bind()
    let space = try bench.space()
    let table = try space.makePageTable(for: device, options: .pasid)
    try device.attach(to: table)
    try device.attach(try pasid(33), to: table)
    try device.enable()
    try await device.start([Driver.Queue(isDedicated: false, pasid: 1)], on: bench)
    try bench.put([4, 3, 2, 1], at: 0x4000)
    var descriptor = bench.move(0x4000, 0x8000, 4)
    descriptor.identity = 33
    let words = descriptor.block.words
    #expect(
      bench.host.storeWide(words, at: 0x1000, ofBAR: 2, of: 0, isAnswered: true) == true)
    #expect(try await bench.wait { try bench.get(0, 1) == [1] })
    #expect(try bench.get(0x8000, 4) == [4, 3, 2, 1])
    // A queue that is not there says retry; outside of the region is a bus error.
    #expect(
      bench.host.storeWide(words, at: 0x5000, ofBAR: 2, of: 0, isAnswered: true) == false)
    #expect(
      bench.host.storeWide(words, at: 0x2_0000, ofBAR: 2, of: 0, isAnswered: true) == nil)
    bench.running.stop()
  }

  @Test(
    "a page request goes to the table's queue, and the copy waits for its answer",
    arguments: [
      true, false,
    ])
  func pageRequest(comes: Bool) async throws {
    let bench = try HostBench()
    let device = try bench.bind()
    let queue = try FaultQueue(in: bench.context)
    let space = try bench.space(0..<8)
    let plain = try space.makePageTable(for: device, options: .pasid)
    let table = try space.makePageTable(for: device, options: .pasid, faults: queue)
    try device.attach(to: plain)
    try device.attach(try pasid(5), to: table)
    try device.enable()
    try await device.start([Driver.Queue(blocks: true, pasid: 5)], on: bench)
    try bench.put([1, 2, 3, 4], at: 0x4000)
    let descriptor = bench.move(0x4000, 0x8000, 4).with { $0.flags |= 2 }
    _ = try await device.run(descriptor, on: bench, isAwaited: false)
    #expect(try await bench.wait { try queue.isReadable() })
    let group = try #require(try queue.readGroups().first)
    #expect(group.pasid == (try pasid(5)))
    #expect(group.requests.map(\.address) == [IOVA(bench.memory + 0x8000)])
    #expect(group.requests.map(\.access) == [.write])
    // Registers answer meanwhile.
    #expect(try device.read32(0x90) == 1)
    #expect(try bench.get(0, 1) == [0])
    if comes {
      let at = bench.memory + 0x8000
      try space.map(at, byteCount: 4096, at: IOVA(at))
    }
    try queue.respond(to: group, comes ? .success : .invalid)
    #expect(try await bench.wait { try bench.get(0, 1) != [0] })
    #expect(try bench.get(0, 1) == [comes ? 1 : 0x84])
    #expect(try bench.get(0x8000, 4) == (comes ? [1, 2, 3, 4] : [0, 0, 0, 0]))
    bench.running.stop()
  }

  @Test(
    "a reset of the function, by request or by config space, resets the model",
    arguments: [
      true, false,
    ])
  func reset(byRequest: Bool) async throws {
    let bench = try HostBench()
    let device = try bench.bind()
    _ = try device.attach(to: try bench.space())
    try device.enable()
    try await device.start([Driver.Queue()], on: bench)
    #expect(try device.read32(0x90) == 1)
    if byRequest {
      try device.reset()
    } else {
      // PCI Express Device Control: Initiate Function Level Reset.
      try device.store(UInt16(0x8000), try device.region(7), at: 0x48)
    }
    try device.enable()
    #expect(try device.read32(0x90) == 0 && device.read32(0x400) == 0)
    try await device.start([Driver.Queue()], on: bench)
    #expect(try await device.run(bench.move(0x4000, 0x8000, 4), on: bench) == 1)
    bench.running.stop()
  }

  @Test(
    "a host without PASIDs leaves the function's off, and queues cannot have any",
    arguments: [
      UnitChoice.Kind.vtd, .smmuv3,
    ])
  func noPASIDs(kind: UnitChoice.Kind) async throws {
    var unit = UnitChoice(kind)
    unit.pasidBits = 0
    let bench = try HostBench(unit: unit)
    let device = try bench.bind()
    _ = try device.attach(to: try bench.space())
    #expect(try device.hardwareInformation().pasidWidth == 0)
    try device.enable()
    try await device.start([Driver.Queue(pasid: 5)], on: bench)
    #expect(try device.read32(0xA8) == 0x26)
    bench.running.stop()
  }

  @Test("fewer PASID bits of unit or device are what programs are told", arguments: [1, 8, 19])
  func fewBits(bits: Int) throws {
    for kind in UnitChoice.Kind.allCases {
      var unit = UnitChoice(kind)
      unit.pasidBits = bits
      #expect(try HostBench(unit: unit).bind().hardwareInformation().pasidWidth == bits)
      var options = DSAOptions()
      options.pasidBits = bits
      let bench = try HostBench(options, unit: UnitChoice(kind))
      #expect(try bench.bind().hardwareInformation().pasidWidth == bits)
    }
  }

  @Test("a region that a model serves is said to have no part that can be mapped")
  func sparse() throws {
    let bench = try HostBench()
    let device = try bench.bind()
    for index: UInt32 in [0, 2] {
      let region = try device.region(index)
      #expect(region.flags.contains(.mmap))
      #expect(region.flags.contains(.capabilities))
    }
    bench.running.stop()
  }
}
