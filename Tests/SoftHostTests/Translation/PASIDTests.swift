import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Testing

@Suite("A device's PASIDs on a software host")
struct PASIDTests {
  static let address: UInt64 = 0x7F00_1234_5000

  @Test("134, 136: PASIDs with tables of their own see the same address apart")
  func apart() throws {
    let machine = try GuestMachine()
    let parent = try machine.space.makePageTable(
      for: machine.device, options: [.nestParent, .pasid])
    try machine.device.attach(to: parent)
    var next: UInt64 = 0x10_0000
    for pasid in UInt32(1)...4 {
      let root = next
      next += 4096
      let page = UInt64(0x20_0000) + UInt64(pasid) << 12
      try machine.mapFirstStage(Self.address, to: page, root: root, next: &next)
      try machine.poke(0xAAAA_0000 + UInt64(pasid), at: page)
      let table = try parent.makeNestedTable(
        for: machine.device, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(root))),
        options: .pasid)
      try machine.device.attach(try #require(PASID(rawValue: pasid)), to: table)
    }
    for pasid in UInt32(1)...4 {
      #expect(machine.read(Self.address, pasid: pasid) == .value(0xAAAA_0000 + UInt64(pasid)))
      #expect(machine.write(UInt64(pasid), Self.address + 8, pasid: pasid) == .done)
      #expect(try machine.peek(0x20_0000 + UInt64(pasid) << 12 + 8) == UInt64(pasid))
    }
    // Without a PASID the request goes through the parent alone.
    #expect(machine.read(0x20_1000) == .value(0xAAAA_0001))
    #expect(machine.read(Self.address, pasid: 5).isBlocked)
    #expect(machine.endpoint.attachedPASIDCount == 4)
  }

  @Test("131, 135: a detached RID leaves PASIDs alone, and a detached PASID is blocked")
  func detach() throws {
    let machine = try GuestMachine()
    let table = try machine.space.makePageTable(for: machine.device, options: .pasid)
    let one = try #require(PASID(rawValue: 1))
    try machine.device.attach(to: table)
    try machine.device.attach(one, to: table)
    try machine.poke(42, at: 0x3000)
    try machine.device.detach()
    #expect(machine.read(0x3000).isBlocked)
    #expect(machine.read(0x3000, pasid: 1) == .value(42))
    try machine.device.detach(one)
    #expect(machine.read(0x3000, pasid: 1).isBlocked)
  }

  @Test("reasons of faults are those of the specification")
  func faults() throws {
    let machine = try GuestMachine()
    let parent = try machine.space.makePageTable(
      for: machine.device, options: [.nestParent, .pasid])
    try machine.device.attach(to: parent)
    var next: UInt64 = 0x11_0000
    try machine.mapFirstStage(Self.address, to: 0x30_0000, root: 0x10_0000, next: &next)
    // Present and readable, not writable.
    try machine.mapFirstStage(
      Self.address + 4096, to: 0x30_1000, root: 0x10_0000, next: &next, flags: 5)
    // A page of the guest's that it does not have.
    try machine.mapFirstStage(
      Self.address + 8192, to: 0x4000_0000, root: 0x10_0000, next: &next)
    let table = try parent.makeNestedTable(
      for: machine.device, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(0x10_0000))),
      options: .pasid)
    try machine.device.attach(try #require(PASID(rawValue: 9)), to: table)
    #expect(
      machine.read(Self.address + 0x20_0000, pasid: 9).fault?.reason
        == .vtd(.firstStageNotPresent))
    guard case .fault(let fault, let done) = machine.write(1, Self.address + 4096, pasid: 9) else {
      Issue.record("a write to a page that is not writable")
      return
    }
    #expect(fault.reason == .vtd(.writeDenied) && done == 0)
    #expect(machine.read(Self.address + 8192, pasid: 9).fault?.stage == .second)
    #expect(machine.read(0x8000_0000_0000, pasid: 9).fault?.reason == .vtd(.notCanonical))
    #expect(
      machine.read(Self.address, pasid: 9, .privileged).fault?.reason
        == .vtd(.supervisorNotEnabled))
  }

  @Test("what is written across pages stops at the first that faults")
  func partial() throws {
    let machine = try GuestMachine()
    let table = try machine.space.makePageTable(for: machine.device)
    try machine.device.attach(to: table)
    let end = GuestMachine.memorySize
    let bytes = [UInt8](repeating: 7, count: 64)
    guard case .fault(_, let done) = machine.endpoint.write(IOVA(end - 16), bytes.span) else {
      Issue.record("a write beyond the mapped memory")
      return
    }
    #expect(done == 16)
    #expect(try machine.peek(end - 8) == 0x0707_0707_0707_0707)
  }

  @Test("a forgotten invalidation shows the old page, and a strict unit tells")
  func forgotten() throws {
    let machine = try GuestMachine(isStrict: true)
    let parent = try machine.space.makePageTable(
      for: machine.device, options: [.nestParent, .pasid])
    try machine.device.attach(to: parent)
    var next: UInt64 = 0x11_0000
    try machine.mapFirstStage(Self.address, to: 0x30_0000, root: 0x10_0000, next: &next)
    let table = try parent.makeNestedTable(
      for: machine.device, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(0x10_0000))),
      options: .pasid)
    try machine.device.attach(try #require(PASID(rawValue: 1)), to: table)
    try machine.poke(1, at: 0x30_0000)
    try machine.poke(2, at: 0x31_0000)
    #expect(machine.read(Self.address, pasid: 1) == .value(1))
    try machine.mapFirstStage(Self.address, to: 0x31_0000, root: 0x10_0000, next: &next)
    #expect(machine.read(Self.address, pasid: 1) == .value(1))
    #expect(machine.endpoint.unit.staleHitCount == 1)
    let page = VTdInvalidationRange(address: IOVA(Self.address), pageCount: 1)
    #expect(try table.invalidate([page]) == 1)
    #expect(machine.read(Self.address, pasid: 1) == .value(2))
    #expect(machine.endpoint.unit.staleHitCount == 1)
  }

  @Test("what a table led to is forgotten when it is detached", arguments: [nil, 1] as [UInt32?])
  func detached(pasid: UInt32?) throws {
    let machine = try GuestMachine(isStrict: true)
    let parent = try machine.space.makePageTable(
      for: machine.device, options: [.nestParent, .pasid])
    var next: UInt64 = 0x20_0000
    try machine.poke(1, at: 0x30_0000)
    try machine.poke(2, at: 0x31_0000)
    try machine.mapFirstStage(Self.address, to: 0x30_0000, root: 0x10_0000, next: &next)
    let stage1 = VTdFirstStage(tableAddress: GuestPhysicalAddress(0x10_0000))
    let table = try parent.makeNestedTable(for: machine.device, .vtd(stage1), options: .pasid)
    for value in [1, 2] as [UInt64] {
      if value == 2 {
        try machine.mapFirstStage(Self.address, to: 0x31_0000, root: 0x10_0000, next: &next)
      }
      if let number = pasid {
        let pasid = try #require(PASID(rawValue: number))
        try machine.device.attach(pasid, to: table)
        #expect(machine.read(Self.address, pasid: number) == .value(value))
        try machine.device.detach(pasid)
      } else {
        try machine.device.attach(to: table)
        #expect(machine.read(Self.address) == .value(value))
        try machine.device.detach()
      }
    }
    #expect(machine.endpoint.unit.staleHitCount == 0)
  }

  @Test("an unmapped page is out of reach at once, through every table on top")
  func unmap() throws {
    let machine = try GuestMachine(isStrict: true)
    let page = try machine.process.allocate(4096, [.read, .write])
    _ = try machine.space.map(page, byteCount: 4096, at: IOVA(0x4000_0000))
    let parent = try machine.space.makePageTable(
      for: machine.device, options: [.nestParent, .pasid])
    try machine.device.attach(to: parent)
    var next: UInt64 = 0x11_0000
    try machine.mapFirstStage(Self.address, to: 0x4000_0000, root: 0x10_0000, next: &next)
    let table = try parent.makeNestedTable(
      for: machine.device, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(0x10_0000))),
      options: .pasid)
    try machine.device.attach(try #require(PASID(rawValue: 1)), to: table)
    #expect(machine.read(Self.address, pasid: 1) == .value(0))
    _ = try machine.space.unmap(IOVA(0x4000_0000)...IOVA(0x4000_0FFF))
    #expect(machine.read(Self.address, pasid: 1).fault?.stage == .second)
    #expect(machine.read(0x4000_0000).fault != nil)
    #expect(machine.endpoint.unit.staleHitCount == 0)
  }

  @Test("a page request reaches the program, and its answer the device")
  func pageRequest() throws {
    let machine = try GuestMachine()
    let parent = try machine.space.makePageTable(
      for: machine.device, options: [.nestParent, .pasid])
    try machine.device.attach(to: parent)
    let queue = try FaultQueue(in: machine.context)
    var next: UInt64 = 0x11_0000
    let table = try parent.makeNestedTable(
      for: machine.device, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(0x10_0000))),
      options: .pasid, faults: queue)
    let seven = try #require(PASID(rawValue: 7))
    try machine.device.attach(seven, to: table)
    #expect(machine.read(Self.address, pasid: 7).fault?.isCurable == true)
    #expect(
      machine.host.send(
        EndpointPageRequest(IOVA(Self.address), pasid: seven, .read, group: 3),
        from: machine.endpoint))
    let group = try #require(try queue.readGroups().first)
    #expect(group.requests.count == 1)
    #expect(machine.endpoint.takeResponses().isEmpty)
    try machine.mapFirstStage(Self.address, to: 0x30_0000, root: 0x10_0000, next: &next)
    try queue.respond(to: group, .success)
    #expect(machine.endpoint.takeResponses().map(\.code) == [.success])
    #expect(machine.read(Self.address, pasid: 7) == .value(0))
    // 98: a PASID whose table has no queue.
    machine.host.send(
      EndpointPageRequest(IOVA(0), pasid: PASID(rawValue: 8), .read, group: 4),
      from: machine.endpoint)
    #expect(machine.endpoint.takeResponses().map(\.code) == [.invalid])
    // 99: what waits when the PASID is detached.
    machine.host.send(
      EndpointPageRequest(IOVA(0), pasid: seven, .read, group: 5), from: machine.endpoint)
    try machine.device.detach(seven)
    #expect(machine.endpoint.takeResponses().map(\.code) == [.invalid])
  }

  @Test("2^20 PASIDs of one device attach and detach")
  func many() throws {
    let machine = try GuestMachine()
    let table = try machine.space.makePageTable(for: machine.device, options: .pasid)
    let last = UInt32(1) << 20 - 1
    var argument = AttachArgument()
    for pasid in 1...last {
      argument = AttachArgument()
      argument.flags = 1
      argument.tableID = table.id
      argument.pasid = pasid
      _ = try machine.process.perform(
        VFIODeviceRequest.attach.number, on: machine.device.descriptor, &argument)
    }
    #expect(machine.endpoint.attachedPASIDCount == Int(last))
    try machine.poke(5, at: 0)
    #expect(machine.read(0, pasid: last) == .value(5))
    // 132: each counts.
    #expect(throws: LinuxErrno.EBUSY) {
      var argument = DestroyArgument()
      argument.id = table.id
      _ = try machine.process.perform(
        IOMMUFDRequest.destroy.number, on: machine.context.descriptor, &argument)
    }
    // 137: closing detaches them all.
    try machine.process.close(machine.device.descriptor)
    #expect(machine.endpoint.attachedPASIDCount == 0)
    #expect(machine.read(0, pasid: last).isBlocked)
  }
}
