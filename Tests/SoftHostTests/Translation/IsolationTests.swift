import Dispatch
import HostABI
import Hardware
import IOMMU
import IOMMUClient
import Synchronization
import Testing

@testable import SoftHost

@Suite("What a device, a guest or another program does reaches nobody else")
struct IsolationTests {
  @Test("when a detach returns, requests that were let in before are over")
  func detachWaits() throws {
    let machine = try GuestMachine()
    let table = try machine.space.makePageTable(for: machine.device)
    let endpoint = machine.endpoint
    let isDone = Atomic(false)
    let group = DispatchGroup()
    // More threads than processors, so that some are stopped in the middle of a request.
    for number in 0..<8 {
      DispatchQueue(label: "device \(number)").async(group: group) {
        var value: UInt8 = 0
        while !isDone.load(ordering: .relaxed) {
          value &+= 1
          _ = endpoint.write(IOVA(0x3000 + UInt64(number)), [value].span)
        }
      }
    }
    for _ in 0..<300 {
      try machine.device.attach(to: table)
      for _ in 0..<20 { _ = machine.read(0x3000) }
      try machine.device.detach()
      let before = try machine.peek(0x3000)
      for _ in 0..<50 { #expect(machine.read(0x3000).isBlocked) }
      #expect(try machine.peek(0x3000) == before)
    }
    isDone.store(true, ordering: .relaxed)
    group.wait()
  }

  @Test("PASID 0 is not the same as no PASID, whichever was asked for before")
  func pasidZero() throws {
    let machine = try GuestMachine()
    try machine.device.attach(to: machine.space.makePageTable(for: machine.device))
    try machine.poke(42, at: 0x3000)
    #expect(machine.read(0x3000, pasid: 0).isBlocked)
    #expect(machine.read(0x3000) == .value(42))
    #expect(machine.read(0x3000, pasid: 0).isBlocked)
  }

  @Test("a long transfer is cut, and tells how far it came all the same")
  func longTransfer() throws {
    let machine = try GuestMachine()
    try machine.device.attach(to: machine.space.makePageTable(for: machine.device))
    let size = 5 << 19
    let pattern = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    #expect(machine.endpoint.write(IOVA(0x1003), pattern.span) == .done)
    #expect(
      machine.endpoint.copy(size, from: IOVA(0x1003), to: IOVA(0x40_0001)) == .done)
    var back = [UInt8](repeating: 0, count: size)
    var span = back.mutableSpan
    #expect(machine.endpoint.read(IOVA(0x40_0001), into: &span) == .done)
    #expect(back == pattern)
    let start = GuestMachine.memorySize - 3 << 19
    guard case .fault(_, let done) = machine.endpoint.write(IOVA(start), pattern.span) else {
      Issue.record("a write beyond the mapped memory")
      return
    }
    #expect(done == 3 << 19)
    #expect(machine.endpoint.copy(0, from: IOVA(0), to: IOVA(0)) == .done)
  }

  @Test("a page request that a device began does not end as its next owner's")
  func partialRequests() throws {
    let host = SoftwareHost.server()
    let process = host.makeProcess()
    let context = try IOMMUClient.IOMMUContext(on: process)
    let node = "/dev/vfio/devices/vfio0"
    let endpoint = host.endpoints[0]
    do {
      let first = try VFIODevice(path: node, on: process).bind(to: context)
      #expect(first.id > 0)
      #expect(
        host.send(
          EndpointPageRequest(IOVA(0x5EC8_E000), .read, group: 1, isLast: false), from: endpoint))
    }
    let second = try VFIODevice(path: node, on: process).bind(to: context)
    let space = try IOAddressSpace(in: context)
    let queue = try IOMMUClient.FaultQueue(in: context)
    try second.attach(to: space.makePageTable(for: second, faults: queue))
    host.send(EndpointPageRequest(IOVA(0x1000), .read, group: 1), from: endpoint)
    let groups = try queue.readGroups()
    #expect(groups.map { $0.requests.map(\.address) } == [[IOVA(0x1000)]])
  }

  @Test("page requests that nobody reads are bounded, and those beyond are answered")
  func requestFlood() throws {
    let endpoint = Endpoint(
      requester: RequesterID(segment: 0, bus: 1, devfn: 0), unit: TranslationUnit(), deviceIndex: 0)
    let queue = SoftHost.FaultQueue(id: 1)
    for number in 0..<UInt32(SoftHost.FaultQueue.groupLimit + 3) {
      queue.deliver(
        .init(
          endpoint: endpoint, deviceID: 1, attachment: nil, pasid: nil, number: number & 0xFFFF,
          records: [PageFaultRecord()]))
    }
    #expect(endpoint.takeResponses().map(\.code) == [.invalid, .invalid, .invalid])
    // All that wait can be read at once.
    let process = SoftwareHost.server().makeProcess()
    let size = SoftHost.FaultQueue.groupLimit * PageFaultRecord.byteCount
    let buffer = try process.allocate(size, [.read, .write])
    #expect(try queue.read(process.memory, buffer, size) == size)
    #expect(!queue.isReadable)
  }

  @Test("what a program keeps mapped of a device's registers is not its next user's")
  func mappedRegisters() throws {
    let host = SoftwareHost.server()
    let node = "/dev/vfio/devices/vfio1"
    let former = host.makeProcess()
    let page: UInt64
    do {
      let context = try IOMMUClient.IOMMUContext(on: former)
      let device = try VFIODevice(path: node, on: former).bind(to: context)
      page = try former.map(device.descriptor, offset: 0, 4096, [.read, .write])
    }
    let process = host.makeProcess()
    let context = try IOMMUClient.IOMMUContext(on: process)
    let device = try VFIODevice(path: node, on: process).bind(to: context)
    let own = try process.map(device.descriptor, offset: 0, 4096, [.read, .write])
    try process.store([0x5E, 0xC8], own)
    #expect(try former.load(page, 2) == [0, 0])
    try former.store([7], page)
    #expect(try process.load(own, 2) == [0x5E, 0xC8])
  }

  @Test("pages that are charged stay held when another program of the user has a lower limit")
  func lowerLimit() throws {
    let charge = Charge(limit: 8)
    try charge.add(8)
    charge.limit = 2
    try charge.add(0)
    #expect(errno { try charge.add(1) } == .ENOMEM)
    #expect(charge.pageCount == 8)
  }

  @Test("tags come round without two tables that have the same")
  func tags() throws {
    let machine = try GuestMachine()
    machine.host.state.withLock { $0.lastTag = .max - 1 }
    let tables = try (0..<3).map { _ in try TableBox(machine) }
    machine.host.state.withLock { $0.lastTag = .max - 1 }
    let more = try (0..<3).map { _ in try TableBox(machine) }
    let tags = machine.host.state.withLock { host in
      host.contexts.flatMap(\.slots).compactMap { slot -> UInt32? in
        if case .paging(let table) = slot { table.tag } else { nil }
      }
    }
    #expect(tags.count == tables.count + more.count && Set(tags).count == tags.count)
  }

  private final class TableBox {
    let table: HardwarePageTable
    init(_ machine: borrowing GuestMachine) throws {
      table = try machine.space.makePageTable(for: machine.device)
    }
  }

  @Test("an array of wide invalidations drops what it names")
  func wideInvalidations() throws {
    let machine = try GuestMachine(isStrict: true)
    let parent = try machine.space.makePageTable(
      for: machine.device, options: [.nestParent, .pasid])
    var next: UInt64 = 0x11_0000
    let address: UInt64 = 0x7F00_1234_5000
    try machine.mapFirstStage(address, to: 0x30_0000, root: 0x10_0000, next: &next)
    let table = try parent.makeNestedTable(
      for: machine.device, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(0x10_0000))),
      options: .pasid)
    try machine.device.attach(try #require(PASID(rawValue: 1)), to: table)
    try machine.poke(1, at: 0x30_0000)
    try machine.poke(2, at: 0x31_0000)
    #expect(machine.read(address, pasid: 1) == .value(1))
    try machine.mapFirstStage(address, to: 0x31_0000, root: 0x10_0000, next: &next)
    // The page is in the last range only, when the others have already cost too much.
    var ranges = Array(
      repeating: VTdInvalidationRange(address: IOVA(0), pageCount: 1 << 30), count: 200)
    ranges.append(VTdInvalidationRange(address: IOVA(address), pageCount: 1))
    #expect(try table.invalidate(ranges) == ranges.count)
    #expect(machine.read(address, pasid: 1) == .value(2))
  }

  @Test("a memory file has no negative size")
  func negativeSize() {
    let process = SoftwareHost.server().makeProcess()
    #expect(errno { _ = try process.makeMemoryFile(-1) } == .EINVAL)
  }
}
