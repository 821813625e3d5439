import GuestSupport
import HostABI
import Hardware
import IOMMU
import PCIe
import Passthrough
import SoftHost
import Testing
import VirtualIOMMU

@Suite("A guest that programs a VT-d unit gets its PASIDs on the host")
struct UnitTests {
  /// A virtual machine with the real unit, and its guest's driver.
  final class UnitMachine {
    let host = SoftwareHost.server(isStrict: true)
    let process: SoftProcess
    let passthrough: PassthroughMachine
    let driver: GuestDriver
    var topology = PCITopology()
    let place: PCITopology.FunctionID
    static let size: UInt64 = 8 << 20

    init(_ configuration: VTdConfiguration? = nil) throws {
      process = host.makeProcess()
      let start = try process.allocate(Int(Self.size), [.read, .write])
      passthrough = try PassthroughMachine(on: process)
      try passthrough.map(
        GuestMemoryRegion(
          at: GuestPhysicalAddress(0), byteCount: Self.size, .memory(address: start)))
      driver = try GuestDriver(
        configuration
          ?? VTdConfiguration(
            features: VTdConfiguration.passthroughFeatures.union([.dirtyTracking])),
        in: process, from: start, size: Self.size)
      let bus = try topology.addRootBus(iommu: driver.unit)
      let port = try topology.add(Machine.rootPort, named: "rp0", on: bus, device: 1)
      guard let slot = topology.bus(behind: port) else { throw LinuxErrno.ENODEV }
      topology.setNumber(1, of: slot)
      place = try topology.add(PCIFunction(.endpoint), named: "dsa0", on: slot, device: 0)
    }

    func realise() throws -> RealisedDevice {
      var device = try passthrough.realise(
        DeviceRequest("dsa0", from: .node("/dev/vfio/devices/vfio0"), at: place), in: topology)
      device.writeConfig(6, .word, at: 4)
      return device
    }

    func read(_ address: UInt64, pasid: UInt32? = nil) -> UInt64? {
      var bytes = [UInt8](repeating: 0, count: 8)
      var span = bytes.mutableSpan
      let result = host.endpoints[0].read(
        IOVA(address), into: &span, pasid: pasid.flatMap { PASID(rawValue: $0) })
      guard case .done = result else { return nil }
      return bytes.enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * $1.offset) }
    }
  }

  private func pasidCache(_ pasid: UInt64) -> (UInt64, UInt64) {
    (7 | 1 << 4 | 1 << 16 | pasid << 32, 0)
  }

  @Test("from its tables and commands to the device's DMA, and back to nothing")
  func life() throws {
    let machine = try UnitMachine()
    let driver = machine.driver
    var device = try machine.realise()
    #expect(device.synthesis.capability?.width == 20)
    #expect(device.synthesis.ats.isShown && device.synthesis.pageRequests.isShown)
    let backend = try device.wishes()
    #expect(backend.parentOptions == [.nestParent, .pasid, .dirtyTracking])

    // Linux's order: PASID, ATS, PRI in config space, then the tables.
    let requester = RequesterID(bus: 1, devfn: 0)
    #expect(device.requester == requester)
    let control = try #require(device.synthesis.offset) + 6
    #expect(device.writeConfig(7, .word, at: control).changes.pasidControl?.new.isEnabled == true)
    device.writeConfig(0x8000, .word, at: try #require(device.synthesis.ats.offset) + 6)
    let pri = try #require(device.synthesis.pageRequests.offset)
    device.writeConfig(64, .dword, at: pri + 12)
    device.writeConfig(1, .word, at: pri + 4)
    #expect(driver.boot())
    // No context entry yet: nothing gets through.
    #expect(machine.read(0x7000) == nil)
    let directory = driver.context(requester)
    driver.entry(0, directory, root: nil)
    let context: (UInt64, UInt64) = (1 | 3 << 4 | UInt64(requester.sourceID) << 32, 0)
    #expect(driver.submit([context]))
    driver[0x7000] = 99
    #expect(machine.read(0x7000) == 99 && machine.read(0x7000, pasid: 5) == nil)

    let processes = (1...3).map { driver.process(UInt64($0)) }
    for (index, process) in processes.enumerated() {
      driver.entry(UInt32(index + 5), directory, root: process.root)
      // Not before the guest tells of it.
      #expect(machine.read(0x7000, pasid: UInt32(index + 5)) == nil)
      #expect(driver.submit([pasidCache(UInt64(index + 5))]))
      #expect(machine.read(0x7000, pasid: UInt32(index + 5)) == UInt64(index + 1))
    }
    // A page moves; the guest invalidates it, and the wait completes after the host's invalidation.
    driver.map(0x7000, to: processes[1].page, root: processes[0].root)
    #expect(driver.submit([(6 | 3 << 4 | 1 << 16 | 5 << 32, 0x7000)]))
    #expect(machine.read(0x7000, pasid: 5) == 2)

    // A page request, its answer, and the retry.
    let requested = machine.host.send(
      EndpointPageRequest(IOVA(0x9000), pasid: try pasid(6), .write, group: 3),
      from: machine.host.endpoints[0])
    #expect(requested)
    #expect(try device.deliverPageRequests() == 1)
    #expect(driver.unit.read(0xC8, size: 8) == 32)
    #expect(driver[driver.requests] >> 32 & 0xFFFFF == 6)
    #expect(driver[driver.requests + 8] == 0x9000 | 3 << 3 | 2 | 4)
    driver.map(0x9000, to: processes[2].page, root: processes[1].root)
    let answer = 9 | 1 << 4 | UInt64(requester.sourceID) << 16 | 6 << 32
    #expect(driver.submit([(answer, 3 << 3)]))
    let heard = machine.host.endpoints[0].takeResponses()
    #expect(heard.map(\.code) == [.success] && heard.first?.group == 3)
    #expect(machine.read(0x9000, pasid: 6) == 3)

    driver.clear(5, directory)
    #expect(driver.submit([pasidCache(5)]))
    #expect(machine.read(0x7000, pasid: 5) == nil && machine.read(0x7000, pasid: 6) == 2)
    #expect(backend.attachedPASIDs == [try pasid(6), try pasid(7)])

    // A reset of the device alone: the unit puts back what the guest's tables say.
    try device.reset()
    device.writeConfig(6, .word, at: 4)
    #expect(machine.read(0x7000, pasid: 6) == 2 && machine.read(0x7000, pasid: 5) == nil)
    // A reset of the machine: nothing is left but pass-through.
    driver.unit.reset()
    try device.reset()
    device.writeConfig(6, .word, at: 4)
    #expect(backend.attachedPASIDs.isEmpty && backend.translation(of: nil) == .passThrough)
    #expect(machine.read(0x7000) == 99 && machine.read(0x7000, pasid: 6) == nil)
    #expect(driver.unit.takeEvents().isEmpty && backend.problems.isEmpty)
    device.unrealise()
    #expect(machine.host.endpoints[0].attachedPASIDCount == 0)
    #expect(machine.host.units.allSatisfy { $0.staleHitCount == 0 })
  }

  @Test("a device that is plugged in later finds what the guest's tables say")
  func hotPlug() throws {
    let machine = try UnitMachine()
    let driver = machine.driver
    #expect(driver.boot())
    let directory = driver.context(RequesterID(bus: 1, devfn: 0))
    let process = driver.process(42)
    driver.entry(0, directory, root: nil)
    driver.entry(9, directory, root: process.root)
    #expect(driver.submit([(0x11, 0), (0x37, 0)]))
    let device = try machine.realise()
    #expect(machine.read(0x7000, pasid: 9) == 42)
    device.unrealise()
    let again = try machine.realise()
    #expect(machine.read(0x7000, pasid: 9) == 42)
    #expect(try again.wishes().attachedPASIDs == [try pasid(9)])
  }

  @Test("a unit that asks for more than the host has is told so, and nothing is left")
  func refused() throws {
    let machine = try UnitMachine(
      VTdConfiguration(
        features: VTdConfiguration.passthroughFeatures.union([.extendedAccessedFlag])))
    let error = #expect(throws: RealiseError.self) { _ = try machine.realise() }
    #expect(error?.description.contains("extended accessed flag") == true)
    #expect(machine.host.endpoints[0].attachedPASIDCount == 0)
  }
}
