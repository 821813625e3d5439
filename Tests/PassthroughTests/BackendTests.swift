import HostABI
import Hardware
import PCIe
import Passthrough
import SoftHost
import Testing
import VirtualIOMMU

@Suite("What a guest wants is what its device's DMA goes through")
struct BackendTests {
  /// Guest pages with a number each, and first stages that lead to them.
  static let stages: [(root: UInt64, page: UInt64)] = [
    (0x10_0000, 0x20_0000), (0x11_0000, 0x20_1000), (0x12_0000, 0x20_2000),
    (0x13_0000, 0x20_3000),
  ]

  struct Guest: ~Copyable {
    let machine: Machine
    var device: RealisedDevice
    let backend: IOMMUFDBackend
    let first: [GuestTranslation]

    init(_ machine: Machine) throws {
      var first: [GuestTranslation] = []
      for (index, stage) in BackendTests.stages.enumerated() {
        first.append(try machine.firstStage(stage.root, to: stage.page))
        try machine.poke(UInt64(index + 1), at: stage.page)
      }
      var device = try machine.realise(0)
      device.enable()
      let backend = try device.wishes()
      self.machine = machine
      self.first = first
      self.backend = backend
      self.device = device
    }

    /// What the device finds where all first stages lead somewhere.
    func found(_ number: UInt32? = nil) -> UInt64? { machine.read(0, 0x7000, pasid: number) }
  }

  @Test("each PASID goes through its own first stage, and the RID through its")
  func translations() throws {
    let guest = try Guest(Machine())
    #expect(guest.found() == 0 && guest.found(5) == nil)
    try guest.backend.setTranslation(guest.first[0], for: pasid(5))
    try guest.backend.setTranslation(guest.first[1], for: pasid(0xFFFFF))
    try guest.backend.setTranslation(guest.first[2], for: nil)
    #expect(guest.found(5) == 1 && guest.found(0xFFFFF) == 2 && guest.found() == 3)
    try guest.backend.setTranslation(.passThrough, for: pasid(5))
    try guest.machine.poke(77, at: 0x7000)
    #expect(guest.found(5) == 77)
    guest.backend.removeTranslation(of: try pasid(5))
    guest.backend.removeTranslation(of: try pasid(5))
    #expect(guest.found(5) == nil && guest.found(0xFFFFF) == 2)
    // The RID is stopped while PASIDs go on.
    guest.backend.removeTranslation(of: nil)
    #expect(guest.found() == nil && guest.found(0xFFFFF) == 2)
    try guest.backend.setTranslation(.passThrough, for: nil)
    #expect(guest.found() == 77)
    #expect(guest.backend.attachedPASIDs == [try pasid(0xFFFFF)])
    #expect(guest.backend.problems.isEmpty)
  }

  @Test("one first stage is one nested table, however many go through it")
  func sharing() throws {
    let guest = try Guest(Machine())
    let before = try guest.machine.nextObject()
    for number in 1...8 as ClosedRange<UInt32> {
      try guest.backend.setTranslation(guest.first[0], for: pasid(number))
    }
    try guest.backend.setTranslation(guest.first[0], for: nil)
    #expect(guest.backend.nestedTableCount == 1)
    #expect(try guest.machine.nextObject() == before + 1)
    try guest.backend.setTranslation(guest.first[1], for: pasid(3))
    #expect(guest.backend.nestedTableCount == 2 && guest.found(3) == 2 && guest.found(4) == 1)
    for number in 1...8 as ClosedRange<UInt32> {
      guest.backend.removeTranslation(of: try pasid(number))
    }
    #expect(guest.backend.nestedTableCount == 1 && guest.found() == 1)
    try guest.backend.setTranslation(.passThrough, for: nil)
    #expect(try guest.backend.nestedTableCount == 0 && guest.machine.nextObject() == before)
  }

  @Test("asking for what is in place asks the host for nothing")
  func unchanged() throws {
    let host = SoftwareHost.server()
    let process = host.makeProcess()
    let counting = FailingKernel(process, failing: 0)
    let memory = try PassthroughMachine(on: counting)
    let start = try process.allocate(1 << 20, [.read, .write])
    try memory.map(
      GuestMemoryRegion(
        at: GuestPhysicalAddress(0), byteCount: 1 << 20, .memory(address: start)))
    let iommu = FakeIOMMU()
    var topology = PCITopology()
    let bus = try topology.addRootBus(iommu: iommu)
    let place = try topology.add(
      PCIFunction(.integratedEndpoint), named: "dsa", on: bus, device: 1)
    let device = try memory.realise(
      DeviceRequest("dsa", from: .node("/dev/vfio/devices/vfio0"), at: place), in: topology)
    let backend = try device.wishes()
    let stage = GuestTranslation.firstStage(
      VTdFirstStage(root: GuestPhysicalAddress(0x1000)))
    try backend.setTranslation(stage, for: pasid(1))
    // A new first stage is a table and an attach; a known one is an attach alone.
    var before = counting.callCount
    try backend.setTranslation(stage, for: pasid(1))
    #expect(counting.callCount == before)
    try backend.setTranslation(stage, for: pasid(2))
    #expect(counting.callCount == before + 1)
    before = counting.callCount
    let other = GuestTranslation.firstStage(
      VTdFirstStage(root: GuestPhysicalAddress(0x2000)))
    // Replaced by one request, and only then is the old table of nobody destroyed.
    try backend.setTranslation(other, for: pasid(1))
    #expect(counting.callCount == before + 2)
    backend.removeTranslation(of: try pasid(7))
    #expect(counting.callCount == before + 2)
  }

  @Test("what the host would refuse late is refused before anything is touched")
  func refusedEarly() throws {
    let guest = try Guest(Machine())
    try guest.backend.setTranslation(guest.first[0], for: pasid(5))
    let wrong: [VTdFirstStage] = [
      VTdFirstStage(root: GuestPhysicalAddress(0x10_0000), addressWidth: 39),
      VTdFirstStage(root: GuestPhysicalAddress(0x10_0001)),
    ]
    for stage in wrong {
      let refusal = #expect(throws: BackendRefusal.self) {
        try guest.backend.setTranslation(.firstStage(stage), for: try pasid(5))
      }
      #expect(refusal?.errno == nil)
      #expect(refusal?.description.contains("the first stage at 0x100000 stays") == true)
      #expect(guest.found(5) == 1)
      #expect(guest.backend.translation(of: try pasid(5)) == guest.first[0])
    }
    #expect(throws: BackendRefusal.self) {
      try guest.backend.setTranslation(.passThrough, for: pasid(0))
    }
  }

  @Test("a failed replace keeps the old translation and says so", arguments: 1...2)
  func failedReplace(call: Int) throws {
    // The first call makes the nested table, the second puts it in place.
    for errno in [LinuxErrno.ENOMEM, .EBUSY, .EINVAL] {
      let host = SoftwareHost.server()
      let calls = try callsToReplace(on: host)
      let guest = try Guest(Machine(on: host, failing: calls + call, with: errno))
      try guest.backend.setTranslation(guest.first[0], for: pasid(5))
      let refusal = #expect(throws: BackendRefusal.self) {
        try guest.backend.setTranslation(guest.first[1], for: try pasid(5))
      }
      #expect(refusal?.errno == errno.rawValue)
      #expect(refusal?.description.contains("stays") == true)
      #expect(guest.found(5) == 1)
      #expect(guest.backend.translation(of: try pasid(5)) == guest.first[0])
      #expect(guest.backend.nestedTableCount == 1)
      // And the next attempt works.
      try guest.backend.setTranslation(guest.first[1], for: pasid(5))
      #expect(guest.found(5) == 2)
    }
  }

  /// How many calls are made until a PASID is attached.
  private func callsToReplace(on host: SoftwareHost) throws -> Int {
    let process = host.makeProcess()
    let kernel = FailingKernel(process, failing: 0)
    let memory = try PassthroughMachine(on: kernel)
    let start = try process.allocate(Int(Machine.memorySize), [.read, .write])
    try memory.map(
      GuestMemoryRegion(
        at: GuestPhysicalAddress(0), byteCount: Machine.memorySize, .memory(address: start)))
    let iommu = FakeIOMMU()
    var topology = PCITopology()
    let bus = try topology.addRootBus(iommu: iommu)
    let place = try topology.add(
      PCIFunction(.integratedEndpoint), named: "dsa", on: bus, device: 1)
    var device = try memory.realise(
      DeviceRequest("dsa", from: .node("/dev/vfio/devices/vfio0"), at: place), in: topology)
    device.enable()
    try device.wishes().setTranslation(
      .firstStage(VTdFirstStage(root: GuestPhysicalAddress(0x1000))), for: pasid(5))
    return kernel.callCount
  }

  @Test("what is invalidated is walked again, and nothing else")
  func invalidation() throws {
    let guest = try Guest(Machine())
    try guest.backend.setTranslation(guest.first[0], for: pasid(5))
    try guest.backend.setTranslation(guest.first[1], for: pasid(6))
    #expect(guest.found(5) == 1 && guest.found(6) == 2)
    try guest.machine.map(0x7000, to: Self.stages[2].page, root: Self.stages[0].root)
    let range = [FirstStageInvalidation(address: 0x7000, pageCount: 1, isLeafOnly: true)]
    try guest.backend.invalidate(range.span, of: pasid(5))
    #expect(guest.found(5) == 3 && guest.found(6) == 2)
    try guest.machine.map(0x7000, to: Self.stages[3].page, root: Self.stages[0].root)
    // Many ranges in one call, the last of which is the one that counts.
    var many: [FirstStageInvalidation] = []
    for page in 0x100...0x1488 as ClosedRange<UInt64> {
      many.append(FirstStageInvalidation(address: page << 12, pageCount: 1, isLeafOnly: false))
    }
    many.append(FirstStageInvalidation(address: 0x7000, pageCount: 1, isLeafOnly: false))
    try guest.backend.invalidate(many.span, of: pasid(5))
    #expect(guest.found(5) == 4)
    try guest.backend.invalidate([.everything].span, of: pasid(5))
    // Nothing of the guest's is there to be dropped.
    try guest.backend.invalidate([.everything].span, of: pasid(9))
    try guest.backend.invalidate([.everything].span, of: nil)
    let wrong = [FirstStageInvalidation(address: 0x7001, pageCount: 1, isLeafOnly: false)]
    let refusal = #expect(throws: BackendRefusal.self) {
      try guest.backend.invalidate(wrong.span, of: try pasid(5))
    }
    #expect(refusal?.errno == LinuxErrno.EINVAL.rawValue)
  }

  @Test("a page request reaches the guest's IOMMU, and the answer the device")
  func pageRequests() throws {
    var guest = try Guest(Machine())
    try guest.backend.setTranslation(guest.first[0], for: pasid(5))
    let endpoint = guest.machine.host.endpoints[0]
    func ask(_ group: UInt16, isLast: Bool = true) throws {
      _ = guest.machine.host.send(
        EndpointPageRequest(
          IOVA(0x9000), pasid: try pasid(5), .write, group: group, isLast: isLast), from: endpoint)
    }
    // While the guest has them off, the host answers by itself.
    try ask(1)
    #expect(endpoint.takeResponses().map(\.code) == [.invalid])
    #expect(try guest.device.deliverPageRequests() == 0)

    let pri = try #require(guest.device.synthesis.pageRequests.offset)
    #expect(guest.device.writeConfig(1, .word, at: pri + 4).problem == nil)
    #expect(guest.device.pageRequestDescriptor != nil && guest.found(5) == 1)
    try ask(2, isLast: false)
    try ask(2)
    #expect(try guest.device.deliverPageRequests() == 2)
    let seen = guest.machine.iommu.requests
    #expect(seen.map(\.isLast) == [false, true] && seen.allSatisfy { $0.group == 2 })
    #expect(seen.first?.address == IOVA(0x9000) && seen.first?.access == .write)
    #expect(guest.backend.waitingGroupCount == 1)
    let answer = PageGroupResponse(pasid: try pasid(5), group: 2, code: .success)
    guest.backend.respond(answer)
    #expect(endpoint.takeResponses().map(\.code) == [.success])
    // Nobody waits any more.
    guest.backend.respond(answer)
    guest.backend.respond(PageGroupResponse(pasid: nil, group: 400, code: .failure))
    #expect(endpoint.takeResponses().isEmpty)

    // A guest that does not answer does not leave the device waiting.
    guest.machine.iommu.answers = false
    try ask(3)
    #expect(try guest.device.deliverPageRequests() == 1)
    #expect(endpoint.takeResponses().map(\.code) == [.invalid])

    // What waits when its translation goes is answered by the kernel, and its cookie used again.
    guest.machine.iommu.answers = true
    try ask(4)
    #expect(try guest.device.deliverPageRequests() == 1)
    try guest.backend.setTranslation(guest.first[1], for: pasid(5))
    #expect(endpoint.takeResponses().map(\.code) == [.invalid])
    #expect(guest.backend.waitingGroupCount == 0)
    try ask(5)
    #expect(try guest.device.deliverPageRequests() == 1)
    guest.backend.respond(PageGroupResponse(pasid: try pasid(5), group: 4, code: .invalid))
    #expect(endpoint.takeResponses().isEmpty && guest.backend.waitingGroupCount == 1)
    guest.backend.respond(PageGroupResponse(pasid: try pasid(5), group: 5, code: .success))
    #expect(endpoint.takeResponses().map(\.code) == [.success])

    #expect(guest.device.writeConfig(0, .word, at: pri + 4).problem == nil)
    #expect(guest.device.pageRequestDescriptor == nil && guest.found(5) == 2)
  }

  @Test(
    "accesses outside of config space read ones and change nothing",
    arguments: [Int.min, Int.min + 0x60, -1, 4096, Int.max])
  func outside(offset: Int) throws {
    var device = try Machine().realise(0)
    let before = device.state()
    for width in [AccessWidth.byte, .word, .dword] {
      #expect(device.writeConfig(.max, width, at: offset).problem == nil)
      #expect(device.readConfig(width, at: offset) == width.mask)
    }
    #expect(device.state() == before)
  }

  @Test("a reset begins with the device, and goes on when that cannot be reset")
  func resetOrder() throws {
    func live(_ machine: Machine) throws -> RealisedDevice {
      var device = try machine.realise(0)
      device.enable()
      let stage = try machine.firstStage(0x10_0000, to: 0x20_0000)
      try device.wishes().setTranslation(stage, for: pasid(5))
      try device.wishes().setTranslation(stage, for: nil)
      return device
    }
    let counting = try Machine(on: .server(), failing: .max)
    let counted = try live(counting)
    // A detach would be tried again, and nobody would hear of the failure.
    let machine = try Machine(on: .server(), failing: counting.callCount + 1)
    _ = counted.name
    var device = try live(machine)
    #expect(throws: RealiseError.self) { try device.reset() }
    let backend = try device.wishes()
    #expect(backend.attachedPASIDs.isEmpty && backend.translation(of: nil) == .passThrough)
    #expect(device.requester != nil)
  }

  @Test("reset and unplug leave nothing behind")
  func endings() throws {
    let machine = try Machine()
    var guest = try Guest(machine)
    let before = try machine.nextObject()
    try guest.backend.setTranslation(guest.first[0], for: pasid(5))
    try guest.backend.setTranslation(guest.first[1], for: nil)
    guest.device.writeConfig(
      1, .word, at: try #require(guest.device.synthesis.pageRequests.offset) + 4)
    let control = try #require(guest.device.synthesis.offset) + 6
    guest.device.writeConfig(1, .word, at: control)
    #expect(guest.device.readConfig(.word, at: control) == 1)
    try guest.device.reset()
    #expect(try machine.nextObject() == before && guest.device.pageRequestDescriptor == nil)
    #expect(guest.device.readConfig(.word, at: control) == 0)
    #expect(guest.backend.attachedPASIDs.isEmpty)
    #expect(guest.backend.translation(of: nil) == .passThrough)
    guest.device.enable()
    #expect(guest.found(5) == nil && guest.found() == 0)

    try guest.backend.setTranslation(guest.first[0], for: pasid(5))
    let backend = guest.backend
    let stage = guest.first[0]
    _ = consume guest
    #expect(machine.iommu.devices.isEmpty)
    #expect(try machine.nextObject() == 2)
    #expect(machine.host.endpoints[0].attachedPASIDCount == 0)
    #expect(machine.host.chargedPageCount == 0)
    #expect(machine.hasNothingAbandoned)
    // Who still holds the backend gets reasons, and nothing happens.
    #expect(throws: BackendRefusal.self) { try backend.setTranslation(stage, for: try pasid(1)) }
    try backend.invalidate([.everything].span, of: try pasid(5))
    backend.removeTranslation(of: nil)
  }
}
