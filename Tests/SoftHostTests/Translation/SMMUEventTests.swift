import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Testing

@Suite("Events of a guest's SMMUv3")
struct SMMUEventTests {
  static let address = SMMUMachine.address
  static let stream = SMMUMachine.stream << 32

  /// Word 0 of a record: number, substream if any, stream.
  static func first(_ id: UInt64, _ substream: UInt64?) -> UInt64 {
    id | (substream.map { 1 << 11 | $0 << 12 } ?? 0) | stream
  }

  @Test("faults of stage 1 are recorded word by word as the specification lays them out")
  func records() throws {
    var guest = try SMMUMachine()
    let vdevice = try VirtualDevice(
      SMMUMachine.stream, of: guest.machine.device, behind: guest.viommu)
    let queue = try IOMMUClient.EventQueue(of: guest.viommu, .smmuv3, depth: 64)
    try guest.addSubstream(1, descriptor: 0x1040, value: 1)
    let root = try guest.machine.peek(0x1048)
    let page = Self.address
    // Read-only; privileged only; never accessed; an output beyond 48 bits cannot be said in 48.
    try guest.map(page + 0x1000, to: 0x40_1000, root: root, flags: SMMUMachine.ordinary | 1 << 7)
    try guest.map(page + 0x2000, to: 0x40_1000, root: root, flags: 1 << 10)
    try guest.map(page + 0x3000, to: 0x40_1000, root: root, flags: 1 << 6)
    try guest.map(
      page + 0x4000, to: 0x40_1000, root: root, flags: SMMUMachine.ordinary | 1 << 54)
    let table = try guest.attach(SMMUMachine.entry())
    #expect(try SMMUMachine.records(queue).isEmpty)
    let pnu: UInt64 = 1 << 33
    let ind: UInt64 = 1 << 34
    let rnw: UInt64 = 1 << 35
    let input: UInt64 = 2 << 40
    func check(
      _ id: UInt64, _ flags: UInt64, _ iova: UInt64, _ what: Comment
    ) throws {
      #expect(
        try SMMUMachine.records(queue) == [[Self.first(id, 1), flags | input, iova, 0]], what)
    }
    #expect(guest.machine.read(page + 0x20_0000, pasid: 1).event == .translation)
    try check(0x10, rnw, page + 0x20_0000, "nothing is mapped")
    _ = guest.machine.write(1, page + 0x20_0008, pasid: 1)
    try check(0x10, 0, page + 0x20_0008, "a write")
    _ = guest.machine.write(1, page + 0x1010, pasid: 1)
    try check(0x13, 0, page + 0x1010, "a write to a read-only page")
    #expect(guest.machine.read(page + 0x1010, pasid: 1) == .value(0))
    #expect(guest.machine.read(page + 0x2000, pasid: 1).event == .permission)
    try check(0x13, rnw, page + 0x2000, "a page of the privileged")
    #expect(guest.machine.read(page + 0x2000, pasid: 1, .privileged) == .value(1))
    #expect(guest.machine.read(page + 0x3000, pasid: 1).event == .access)
    try check(0x12, rnw, page + 0x3000, "the access flag")
    #expect(guest.machine.read(page + 0x4000, pasid: 1, [.execute, .privileged]).fault != nil)
    let records = try SMMUMachine.records(queue)
    #expect(records.count == 1)
    #expect(records.first?[1] == pnu | ind | rnw | input)
    // Beyond the 48 bits of the table.
    #expect(guest.machine.read(1 << 50, pasid: 1).event == .translation)
    try check(0x10, rnw, 1 << 50, "an address that is too wide")
    _ = (table.id, vdevice.id)
  }

  @Test("configuration faults name the stream and the substream, and nothing else")
  func configuration() throws {
    var guest = try SMMUMachine()
    let vdevice = try VirtualDevice(
      SMMUMachine.stream, of: guest.machine.device, behind: guest.viommu)
    let queue = try IOMMUClient.EventQueue(of: guest.viommu, .smmuv3, depth: 64)
    try guest.addSubstream(1, descriptor: 0x1040, value: 1)
    let table = try guest.attach(SMMUMachine.entry())
    for (pasid, id) in [(nil, 0x06), (2, 0x0A), (16, 0x08)] as [(UInt32?, UInt64)] {
      #expect(guest.machine.read(Self.address, pasid: pasid).fault?.stage == .configuration)
      #expect(
        try SMMUMachine.records(queue) == [[Self.first(id, pasid.map { UInt64($0) }), 0, 0, 0]])
    }
    _ = (table.id, vdevice.id)
  }

  @Test("without CD.R, of stage 2, of abort and bypass there are no events")
  func silent() throws {
    var guest = try SMMUMachine()
    let vdevice = try VirtualDevice(
      SMMUMachine.stream, of: guest.machine.device, behind: guest.viommu)
    let queue = try IOMMUClient.EventQueue(of: guest.viommu, .smmuv3, depth: 64)
    try guest.addSubstream(1, descriptor: 0x1040, value: 1)
    let root = try guest.machine.peek(0x1048)
    try guest.putDescriptor(at: 0x1080, root: root, asid: 3, records: false)
    // Guest memory that the guest does not have: stage 2 is the host's business.
    try guest.map(Self.address + 0x1000, to: 0x7000_0000, root: root)
    let table = try guest.attach(SMMUMachine.entry())
    #expect(guest.machine.read(Self.address + 0x20_0000, pasid: 2).event == .translation)
    #expect(guest.machine.read(Self.address + 0x1000, pasid: 1).fault?.stage == .second)
    let abort = try guest.viommu.makeNestedTable(
      for: guest.machine.device, SMMUMachine.entry(configuration: 0))
    try guest.machine.device.replace(with: abort)
    #expect(guest.machine.read(Self.address).fault != nil)
    let bypass = try guest.viommu.makeNestedTable(
      for: guest.machine.device, SMMUMachine.entry(configuration: 4))
    try guest.machine.device.replace(with: bypass)
    #expect(guest.machine.read(0x7000_0000).fault?.stage == .second)
    #expect(try SMMUMachine.records(queue).isEmpty)
    _ = (table.id, vdevice.id)
  }

  @Test("105: a full queue tells that events were lost, and their numbers go on")
  func overflow() throws {
    var guest = try SMMUMachine()
    let vdevice = try VirtualDevice(
      SMMUMachine.stream, of: guest.machine.device, behind: guest.viommu)
    let queue = try IOMMUClient.EventQueue(of: guest.viommu, .smmuv3, depth: 2)
    try guest.addSubstream(1, descriptor: 0x1040, value: 1)
    let table = try guest.attach(SMMUMachine.entry())
    for _ in 0..<5 { _ = guest.machine.read(0, pasid: 1) }
    #expect(try queue.isReadable())
    let events = try queue.readEvents()
    #expect(events.map(\.sequence) == [0, 1, 4])
    #expect(events.last?.content == .lost)
    #expect(try !queue.isReadable())
    _ = guest.machine.read(0, pasid: 1)
    #expect(try queue.readEvents().map(\.sequence) == [5])
    _ = (table.id, vdevice.id)
  }

  @Test("page requests of every substream go to the queue of the one nested table")
  func pageRequests() throws {
    var guest = try SMMUMachine()
    let vdevice = try VirtualDevice(
      SMMUMachine.stream, of: guest.machine.device, behind: guest.viommu)
    try guest.addSubstream(1, descriptor: 0x1040, value: 1)
    let faults = try IOMMUClient.FaultQueue(in: guest.machine.context)
    let table = try guest.viommu.makeNestedTable(
      for: guest.machine.device, SMMUMachine.entry(), faults: faults)
    try guest.machine.device.replace(with: table)
    for pasid in [1, 9] as [UInt32] {
      guest.machine.host.send(
        EndpointPageRequest(
          IOVA(Self.address), pasid: PASID(rawValue: pasid), .read, group: UInt16(pasid)),
        from: guest.machine.endpoint)
    }
    let groups = try faults.readGroups()
    #expect(groups.count == 2)
    for group in groups { try faults.respond(to: group, .success) }
    #expect(guest.machine.endpoint.takeResponses().map(\.group) == [1, 9])
    _ = vdevice.id
  }
}
