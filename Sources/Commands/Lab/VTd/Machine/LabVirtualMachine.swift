import HostABI
import Hardware
import IOMMU
import PCIe
import Passthrough
import SoftHost
import VirtualIOMMU

/// A virtual machine of the lab as its VMM has it: what it has of its host, the guest's unit and
/// PCI hierarchy, and the device.
final class LabVirtualMachine {
  let host: SoftwareHost
  let endpoint: Endpoint
  let kernel: WitnessKernel
  /// Refuses what it is told to, below the witness.
  let refusing: RefusingKernel
  let passthrough: PassthroughMachine
  let unit: VTdUnit
  let interrupts: WitnessInterrupts
  let iommu: WitnessIOMMU
  private(set) var topology = PCITopology()
  /// The port that the device is behind.
  private let port: PCITopology.FunctionID
  private var portConfig = EmulatedPort.make(.rootPort, vendorID: 0x1B36, deviceID: 0x000C)
  /// Holds guest memory until everything that names it is gone.
  private let backing: GuestBacking
  private var place: PCITopology.FunctionID?
  /// The number of the bus behind the port, 0 until the guest has numbered it.
  private(set) var busNumber: UInt8 = 0
  var device: RealisedDevice?

  /// The name of the device, and of its node.
  static let deviceName = "vfio0"
  static let devicePath = "/dev/vfio/devices/vfio0"

  /// Opens the host, tells it of guest memory, and makes the unit and a root port.
  init(
    _ lab: LabHost, _ configuration: VTdConfiguration, _ kernel: WitnessKernel,
    _ refusing: RefusingKernel, at start: GuestPhysicalAddress, _ backing: GuestBacking,
    breaking: LabBreak?, _ seams: SeamLog
  ) throws {
    host = lab.host
    endpoint = lab.host.endpoints[0]
    self.kernel = kernel
    self.refusing = refusing
    self.backing = backing
    passthrough = try PassthroughMachine(on: kernel)
    try passthrough.map(
      GuestMemoryRegion(
        at: start, byteCount: backing.byteCount, .memory(address: backing.address)))
    let table = PagingTable()
    try table.map(
      IOVA(start.rawValue), byteCount: backing.byteCount, to: HostAddress(backing.address),
      allowing: [.read, .write])
    interrupts = WitnessInterrupts(seams)
    unit = VTdUnit(
      configuration, memory: VirtualIOMMU.GuestMemory(table), interrupts: interrupts)
    iommu = WitnessIOMMU(unit, seams)
    let rootBus = try topology.addRootBus(iommu: iommu)
    var facts = PCIFunction(reading: portConfig.physical)
    if breaking == .blockedPath { facts.accessControl = nil }
    if breaking == .conventionalBridge { facts = PCIFunction(.expressToPCIBridge) }
    port = try topology.add(
      facts, named: breaking == .conventionalBridge ? "br0" : "rp0", on: rootBus, device: 1)
  }

  /// Plugs the device in behind the port; the guest has numbered no buses yet.
  func realise(
    _ source: DeviceRequest.Source, _ synthesis: SynthesisRequest
  ) throws {
    guard let bus = topology.bus(behind: port) else { throw LinuxErrno.ENODEV }
    let place = try topology.add(
      PCIFunction(.endpoint), named: Self.deviceName, on: bus, device: 0)
    self.place = place
    device = try passthrough.realise(
      DeviceRequest(Self.deviceName, from: source, at: place, synthesis: synthesis), in: topology)
  }

  /// The guest's firmware numbers the bus behind the port, and the VMM follows.
  func numberBuses() throws {
    portConfig.write(0x0001_0100, .dword, at: 0x18)
    busNumber = UInt8(portConfig.read(.byte, at: 0x19))
    if let bus = topology.bus(behind: port) { topology.setNumber(busNumber, of: bus) }
    if let place { try device?.renumber(place, in: topology) }
  }

  /// Takes the device away from the guest.
  func unplug() { device = nil }

  /// The requester ID of the device, as the guest knows it: device 0, function 0.
  var source: UInt16 { UInt16(busNumber) << 8 }

  /// What the guest's kernel drives the device by.
  var function: GuestFunction {
    GuestFunction(
      read: { offset, width in self.device?.readConfig(width, at: offset) ?? .max },
      write: { value, offset, width in _ = self.device?.writeConfig(value, width, at: offset) })
  }

  /// Passes page requests on when there are some, as a VMM does that waits on the descriptor.
  func deliverPageRequests() throws -> Int {
    guard let descriptor = device?.pageRequestDescriptor,
      try kernel.poll(descriptor).contains(.readable)
    else { return 0 }
    return try device?.deliverPageRequests() ?? 0
  }
}
