import Foundation
import HostABI
import Hardware
import IOMMUClient
import PCIe
import Passthrough
import SoftHost
import Testing
import VirtualIOMMU

@Suite("A device is attached as its guest's IOMMU and the host both want it")
struct RealiseTests {
  /// What the guest's IOMMU asks for, which device, and the flags of the table that comes of it.
  static let flags: [(VIOMMUFlags, device: Int, HWPTFlags)] = [
    ([], 0, .dirtyTracking),
    ([.wantsNestingParent], 0, .nestParent),
    ([.wantsNestingParent, .wantsNestingDirtyTracking], 0, [.nestParent, .dirtyTracking]),
    ([.wantsNestingParent, .supportsPASID], 0, .nestParent),
    ([.wantsNestingParent, .supportsPASID, .wantsPASIDAttach], 0, [.nestParent, .pasid]),
    (FakeIOMMU.vtd, 0, [.nestParent, .pasid, .dirtyTracking]),
    // A device without PASIDs gets no flag for them, whatever is asked.
    (FakeIOMMU.vtd, 1, [.nestParent, .dirtyTracking]),
    ([.supportsPASID, .wantsPASIDAttach], 0, [.pasid, .dirtyTracking]),
    // The guest's table goes with the stream under SMMUv3.
    ([.wantsNestingParent, .supportsPASID], 6, .nestParent),
  ]

  @Test("the table has the flags that both call for", arguments: flags.indices)
  func tableFlags(index: Int) throws {
    let (wishes, number, expected) = Self.flags[index]
    let machine = try Machine(FakeIOMMU(wishes))
    let device = try machine.realise(number)
    guard case .pageTable(_, let found, let isReused) = device.attachment.table else {
      Issue.record("no page table")
      return
    }
    #expect(found == expected && !isReused, "\(device.attachment)")
    #expect(try device.wishes().parentOptions == expected)
    #expect(!device.attachment.description.isEmpty)
    let json = String(decoding: try JSONEncoder().encode(device.attachment), as: UTF8.self)
    #expect(
      json.contains("\"reused\":false") && json.contains("DIRTY") == found.contains(.dirtyTracking))
  }

  @Test("the guest's IOMMU is told only what is true of the attached device")
  func hostDevice() throws {
    let machine = try Machine()
    let device = try machine.realise(0)
    let told = try #require(machine.iommu.devices[RequesterID(bus: 1, devfn: 0)])
    #expect(told.name == "vfio0" && told.backend === device.backend)
    #expect(told.pasidInfo?.width == 20 && told.supportsATS && told.tracksDirtyPages)
    #expect(told.guestAddressWidth == 57)
    guard case .vtd(let flags, _, let extended) = told.unit else {
      Issue.record("\(told.unit)")
      return
    }
    #expect(flags == 1 && extended >> 40 & 1 == 1)
    let network = try machine.realise(1, device: 1)
    #expect(network.hostDevice?.pasidInfo == nil)
    let other = try Machine(FakeIOMMU([.wantsNestingParent, .supportsPASID]))
    let mobile = try other.realise(6)
    guard case .smmuv3(let registers, _, _)? = mobile.hostDevice?.unit else {
      Issue.record("\(String(describing: mobile.hostDevice?.unit))")
      return
    }
    #expect(registers.count == 6)
    // The guest's PASIDs would come with its stream, which nobody installs yet.
    #expect(mobile.synthesis.reasons == [.notWithStream])
    let refusal = #expect(throws: BackendRefusal.self) {
      try mobile.wishes().setTranslation(.passThrough, for: try pasid(1))
    }
    #expect(refusal?.description.contains("without PASIDs") == true)
  }

  @Test("a virtual function has the PASIDs of its physical one, and needs its token")
  func virtualFunction() throws {
    let machine = try Machine()
    let token = [UInt8](repeating: 7, count: 16)
    func request(_ number: Int, _ device: UInt8, _ token: [UInt8]?) throws -> DeviceRequest {
      DeviceRequest(
        "vfio\(number)", from: .node("/dev/vfio/devices/vfio\(number)", token: token),
        at: try machine.place("vfio\(number)", device: device))
    }
    let physical = try machine.passthrough.realise(request(4, 0, token), in: machine.topology)
    #expect(throws: RealiseError.self) {
      _ = try machine.passthrough.realise(request(5, 1, nil), in: machine.topology)
    }
    let virtual = try machine.passthrough.realise(request(5, 2, token), in: machine.topology)
    #expect(virtual.hostDevice?.pasidInfo == physical.hostDevice?.pasidInfo)
    #expect(try virtual.wishes().parentOptions.contains(.pasid))
    try virtual.wishes().setTranslation(.passThrough, for: try pasid(9))
  }

  @Test("a device with PASIDs does not land on the table of one without")
  func reuse() throws {
    // Without nesting all share one address space, so only the flags keep tables apart.
    let machine = try Machine(FakeIOMMU([.supportsPASID, .wantsPASIDAttach]))
    let plain = try machine.realise(1)
    let accelerator = try machine.realise(0, device: 1)
    let physical = try machine.realise(4, device: 2)
    let others = try machine.realise(2, device: 3)
    func table(_ attachment: DeviceAttachment) -> (UInt32, Bool) {
      guard case .pageTable(let id, _, let isReused) = attachment.table else { return (0, false) }
      return (id, isReused)
    }
    #expect(table(plain.attachment) != (0, false))
    #expect(table(accelerator.attachment).0 != table(plain.attachment).0)
    #expect(!table(accelerator.attachment).1)
    // One that has every flag is used again.
    #expect(table(physical.attachment) == (table(accelerator.attachment).0, true))
    #expect(table(others.attachment) == (table(plain.attachment).0, true))
    // PASIDs can be attached where they were promised.
    try accelerator.wishes().setTranslation(.passThrough, for: try pasid(3))
    #expect(throws: BackendRefusal.self) {
      try plain.wishes().setTranslation(.passThrough, for: try pasid(3))
    }
  }

  @Test("under VT-d a nesting device shares its address space with nobody")
  func ownSpaces() throws {
    let machine = try Machine()
    var ids: Set<UInt32> = []
    let a = try machine.realise(0)
    let b = try machine.realise(4, device: 1)
    let c = try machine.realise(1, device: 2)
    // Beside them, one that the host alone translates.
    let bare = try machine.topology.addRootBus(0x80)
    let place = try machine.topology.add(
      PCIFunction(.integratedEndpoint), named: "vfio2", on: bare, device: 0)
    let d = try machine.passthrough.realise(
      DeviceRequest("vfio2", from: .node("/dev/vfio/devices/vfio2"), at: place),
      in: machine.topology)
    for attachment in [a.attachment, b.attachment, c.attachment, d.attachment] {
      guard case .pageTable(let id, _, let isReused) = attachment.table else { continue }
      ids.insert(id)
      #expect(!isReused)
    }
    #expect(ids.count == 4)
    #expect(a.attachment.reasons.contains(.ownSpace) && !d.attachment.reasons.contains(.ownSpace))
    // Memory is pinned once all the same.
    #expect(machine.host.chargedPageCount == Int(Machine.memorySize / 4096))
    withExtendedLifetime((machine.host, a.requester, b.requester)) {}
  }

  @Test("below a conventional bridge a nesting device is refused with a reason")
  func belowBridge() throws {
    let machine = try Machine()
    let bridge = try machine.topology.add(
      PCIFunction(.expressToPCIBridge), named: "pci-bridge", on: machine.rootBus, device: 3)
    let bus = try #require(machine.topology.bus(behind: bridge))
    let place = try machine.topology.add(
      PCIFunction(.endpoint), named: "vfio0", on: bus, device: 0)
    let request = DeviceRequest("vfio0", from: .node("/dev/vfio/devices/vfio0"), at: place)
    let error = #expect(throws: RealiseError.self) {
      _ = try machine.passthrough.realise(request, in: machine.topology)
    }
    #expect(error?.description.contains("pci-bridge") == true)
    #expect(try machine.nextObject() == 2)
    // Without nesting nothing speaks against it, but PASIDs do not get there.
    machine.iommu.flags = [.supportsPASID, .wantsPASIDAttach]
    let device = try machine.passthrough.realise(request, in: machine.topology)
    #expect(device.synthesis.reasons.first?.name == "path")
  }

  @Test("a device that the guest's IOMMU refuses leaves nothing behind")
  func refused() throws {
    let machine = try Machine()
    machine.iommu.refusal = .addressWidth(host: 48, guest: 57, device: "vfio0")
    let error = #expect(throws: RealiseError.self) { _ = try machine.realise(0) }
    #expect(error == .refused(device: "vfio0", .addressWidth(host: 48, guest: 57, device: "vfio0")))
    #expect(error?.description.contains("57") == true)
    #expect(try machine.nextObject() == 2)
    #expect(machine.passthrough.context.abandonedObjects.isEmpty)
    #expect(machine.host.chargedPageCount == 0)
  }

  @Test("an emulated device is realised without PASIDs and without harm")
  func emulated() throws {
    let machine = try Machine()
    let device = try machine.realise(7)
    #expect(device.hostDevice == nil && device.backend == nil && machine.iommu.devices.isEmpty)
    #expect(device.synthesis.pasids == .withheld)
    #expect(device.synthesis.reasons == [.noHostIOMMU(.emulated)])
    #expect(device.attachment.reasons == [.noHostIOMMU(.emulated)])
    var found = device
    #expect(found.readConfig(.dword, at: 0) == 0x10D3_8086)
    #expect(try found.deliverPageRequests() == 0)
    try found.reset()
    found.unrealise()
    #expect(try machine.nextObject() == 2)
  }

  @Test("a device of a legacy container is realised without PASIDs and without harm")
  func foreign() throws {
    let machine = try Machine()
    let request = DeviceRequest(
      "legacy", from: .foreign(SampleDevice.sapphireRapidsDSA), at: try machine.place())
    var device = try machine.passthrough.realise(request, in: machine.topology)
    #expect(device.hostDevice == nil && machine.iommu.devices.isEmpty)
    // This one shows a capability of its own.
    #expect(device.synthesis.pasids == .present(offset: 0x230))
    #expect(device.attachment.table == .foreign)
    #expect(device.readConfig(.dword, at: 0) == 0x0B25_8086)
    #expect(try machine.nextObject() == 2)
  }

  @Test("memory that devices may only read is left out under a nesting parent only")
  func readOnly() throws {
    let machine = try Machine()
    let rom = try machine.process.allocate(4096, [.read, .write])
    try machine.process.store([1, 2, 3, 4, 5, 6, 7, 8], rom)
    let place = GuestPhysicalAddress(0x1000_0000)
    try machine.passthrough.map(
      GuestMemoryRegion(at: place, byteCount: 4096, .memory(address: rom), isReadOnly: true))
    var nested = try machine.realise(0)
    #expect(nested.attachment.reasons.contains(.omitsReadOnly))
    nested.enable()
    #expect(machine.read(0, place.rawValue) == nil)
    nested.unrealise()

    let plain = try Machine(FakeIOMMU([]), on: machine.host)
    let page = try plain.process.allocate(4096, [.read, .write])
    try plain.process.store([1, 2, 3, 4, 5, 6, 7, 8], page)
    var device = try plain.realise(0)
    device.enable()
    try plain.passthrough.map(
      GuestMemoryRegion(at: place, byteCount: 4096, .memory(address: page), isReadOnly: true))
    #expect(plain.read(0, place.rawValue) == 0x0807_0605_0403_0201)
    #expect(!plain.write(0, 1, place.rawValue))
    try plain.passthrough.unmap(place...GuestPhysicalAddress(place.rawValue + 4095))
    #expect(plain.read(0, place.rawValue) == nil)
  }

  @Test("regions come and go whole, and never overlap")
  func regions() throws {
    let machine = try Machine()
    let whole = try #require(machine.passthrough.regions.first).range
    #expect(throws: GuestMemoryError.self) {
      try machine.passthrough.map(
        GuestMemoryRegion(
          at: GuestPhysicalAddress(0x1000), byteCount: 0x1000, .memory(address: machine.start)))
    }
    #expect(throws: GuestMemoryError.self) {
      try machine.passthrough.unmap(whole.lowerBound...GuestPhysicalAddress(0xFFF))
    }
    for (start, count) in [(0, 0), (1, 4096), (0, 4097), (UInt64.max - 4095, 8192)]
      as [(UInt64, UInt64)]
    {
      #expect(throws: GuestMemoryError.self) {
        _ = try GuestMemoryRegion(
          at: GuestPhysicalAddress(start), byteCount: count, .memory(address: 0))
      }
    }
    try machine.passthrough.unmap(whole)
    #expect(machine.passthrough.regions.isEmpty)
  }

  @Test("two devices at one requester ID are one too many")
  func taken() throws {
    let machine = try Machine()
    let first = try machine.realise(0)
    var other = PCITopology()
    let bus = try other.addRootBus(1, iommu: machine.iommu)
    let place = try other.add(PCIFunction(.integratedEndpoint), named: "x", on: bus, device: 0)
    let same = try #require(other.requester(of: place)).id
    #expect(same == first.requester)
    let error = #expect(throws: RealiseError.self) {
      _ = try machine.passthrough.realise(
        DeviceRequest("vfio4", from: .node("/dev/vfio/devices/vfio4"), at: place), in: other)
    }
    #expect(error == .refused(device: "vfio4", .taken(same)))
    #expect(machine.iommu.devices[same]?.name == "vfio0")
  }

  @Test("a device whose bus the guest has not numbered yet is announced when it has")
  func numbering() throws {
    let machine = try Machine()
    let second = try machine.topology.add(
      Machine.rootPort, named: "rp1", on: machine.rootBus, device: 2)
    let buses = try [machine.port, second].map { try #require(machine.topology.bus(behind: $0)) }
    for bus in buses { machine.topology.setNumber(0, of: bus) }
    let places = try buses.map {
      try machine.topology.add(PCIFunction(.endpoint), named: "dev", on: $0, device: 0)
    }
    func request(_ number: Int, _ place: PCITopology.FunctionID) -> DeviceRequest {
      DeviceRequest("vfio\(number)", from: .node("/dev/vfio/devices/vfio\(number)"), at: place)
    }
    // Refused now, not when the guest's firmware runs.
    machine.iommu.refusal = .missing(feature: "nested translation", device: "vfio0")
    #expect(throws: RealiseError.self) {
      _ = try machine.passthrough.realise(request(0, places[0]), in: machine.topology)
    }
    machine.iommu.refusal = nil
    var a = try machine.passthrough.realise(request(0, places[0]), in: machine.topology)
    var b = try machine.passthrough.realise(request(4, places[1]), in: machine.topology)
    #expect(machine.iommu.devices.isEmpty && a.requester == nil && b.requester == nil)
    #expect(a.synthesis.capability != nil)
    for (bus, number) in zip(buses, [1, 2] as [UInt8]) {
      machine.topology.setNumber(number, of: bus)
    }
    try a.renumber(places[0], in: machine.topology)
    try b.renumber(places[1], in: machine.topology)
    #expect(machine.iommu.devices[RequesterID(bus: 1, devfn: 0)]?.name == "vfio0")
    #expect(machine.iommu.devices[RequesterID(bus: 2, devfn: 0)]?.name == "vfio4")
    // The two change places: what one had is not the other's.
    try a.wishes().setTranslation(.passThrough, for: pasid(3))
    for (bus, number) in zip(buses, [2, 1] as [UInt8]) {
      machine.topology.setNumber(number, of: bus)
    }
    let error = #expect(throws: RealiseError.self) {
      try a.renumber(places[0], in: machine.topology)
    }
    #expect(error == .refused(device: "vfio0", .taken(RequesterID(bus: 2, devfn: 0))))
    #expect(a.requester == nil)
    #expect(try a.wishes().attachedPASIDs.isEmpty)
    a.withdraw()
    b.withdraw()
    try a.renumber(places[0], in: machine.topology)
    try b.renumber(places[1], in: machine.topology)
    #expect(machine.iommu.devices[RequesterID(bus: 2, devfn: 0)]?.name == "vfio0")
    #expect(machine.iommu.devices[RequesterID(bus: 1, devfn: 0)]?.name == "vfio4")
    a.unrealise()
    b.unrealise()
    #expect(machine.iommu.devices.isEmpty)
  }
}
