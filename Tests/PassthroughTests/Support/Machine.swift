import HostABI
import Hardware
import IOMMUClient
import PCIe
import Passthrough
import SoftHost
import VirtualIOMMU

/// A virtual machine: its memory as devices reach it, its PCI hierarchy, and its IOMMU.
///
/// It is written against any kernel; what the host itself would know is asked of `host` only.
final class Machine {
  let host: SoftwareHost
  /// The program that the virtual machine runs in, past any kernel put in front of it.
  let process: SoftProcess
  let passthrough: PassthroughMachine
  let iommu: FakeIOMMU
  var topology = PCITopology()
  let rootBus: PCITopology.BusID
  /// A root port that passes PASIDs.
  let port: PCITopology.FunctionID
  /// Where guest memory starts in the program; guest-physical address 0.
  let start: UInt64
  static let memorySize: UInt64 = 4 << 20

  private let failing: FailingKernel?

  init(
    _ iommu: FakeIOMMU = FakeIOMMU(), on host: SoftwareHost = .server(isStrict: true),
    failing number: Int = 0, times: Int = 1, with errno: LinuxErrno = .ENOMEM
  ) throws {
    self.host = host
    process = host.makeProcess(Credentials(lockedMemoryLimit: 64 << 20))
    self.iommu = iommu
    // What one refuses the next does not see, so that each refuses the call after.
    var failing: FailingKernel?
    for _ in 0..<(number == 0 ? 0 : times) {
      failing = FailingKernel(failing ?? process, failing: number, with: errno)
    }
    self.failing = failing
    passthrough = try PassthroughMachine(on: failing ?? process)
    start = try process.allocate(Int(Self.memorySize), [.read, .write])
    rootBus = try topology.addRootBus(iommu: iommu)
    port = try topology.add(Self.rootPort, named: "rp0", on: rootBus, device: 1)
    if let bus = topology.bus(behind: port) { topology.setNumber(1, of: bus) }
    try mapMemory()
  }

  /// A root port with all that PASIDs need.
  static let rootPort = PCIFunction(
    .rootPort, passesPrefixes: true, accessControl: AccessControl(offered: .offered))

  private func mapMemory() throws {
    try passthrough.map(
      GuestMemoryRegion(
        at: GuestPhysicalAddress(0), byteCount: Self.memorySize, .memory(address: start)))
  }

  /// A place behind the root port, or behind a port of its own.
  func place(_ name: String = "dev", device: UInt8 = 0) throws -> PCITopology.FunctionID {
    guard let bus = topology.bus(behind: port) else { throw LinuxErrno.ENODEV }
    return try topology.add(PCIFunction(.endpoint), named: name, on: bus, device: device)
  }

  /// A request for a device of the sample host.
  func request(
    _ number: Int, device: UInt8 = 0, _ synthesis: SynthesisRequest = SynthesisRequest()
  ) throws -> DeviceRequest {
    let name = "vfio\(number)"
    return DeviceRequest(
      name, from: .node("/dev/vfio/devices/\(name)"), at: try place(name, device: device),
      synthesis: synthesis)
  }

  /// Realises a device of the sample host.
  func realise(
    _ number: Int, device: UInt8 = 0, _ synthesis: SynthesisRequest = SynthesisRequest()
  ) throws -> RealisedDevice {
    try passthrough.realise(try request(number, device: device, synthesis), in: topology)
  }

  /// The number that the next object of the context gets: 2 when only the memory's own space exists.
  func nextObject() throws -> UInt32 { try IOAddressSpace(in: passthrough.context).id }

  /// How many requests that can fail were made, when one was to fail.
  var callCount: Int { failing?.callCount ?? 0 }

  /// Whether every owner could destroy what it owned.
  var hasNothingAbandoned: Bool { passthrough.context.abandonedObjects.isEmpty }
}

// MARK: The guest's tables

extension Machine {
  func poke(_ value: UInt64, at address: UInt64) throws {
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    try process.store(bytes, start + address)
  }

  func peek(_ address: UInt64) throws -> UInt64 {
    try process.load(start + address, 8).enumerated().reduce(0) {
      $0 | UInt64($1.element) << (8 * $1.offset)
    }
  }

  /// Maps a page in a first stage of four levels, whose lower tables follow the root.
  func map(_ address: UInt64, to page: UInt64, root: UInt64) throws {
    var table = root
    for level in (1...3).reversed() {
      let place = table + (address >> UInt64(12 + 9 * level) & 0x1FF) * 8
      var entry = try peek(place)
      if entry & 1 == 0 {
        entry = root + UInt64(4 - level) << 12 | 7
        try poke(entry, at: place)
      }
      table = entry & ~0xFFF
    }
    try poke(page | 7, at: table + (address >> 12 & 0x1FF) * 8)
  }

  /// A first stage that leads one address to one page.
  func firstStage(_ root: UInt64, _ address: UInt64 = 0x7000, to page: UInt64) throws
    -> GuestTranslation
  {
    try map(address, to: page, root: root)
    return .firstStage(VTdFirstStage(root: GuestPhysicalAddress(root)))
  }
}

// MARK: The device

extension Machine {
  /// What a device's eight-byte read finds; `nil` when it is refused or blocked.
  func read(_ number: Int, _ address: UInt64, pasid: UInt32? = nil) -> UInt64? {
    var bytes = [UInt8](repeating: 0, count: 8)
    var span = bytes.mutableSpan
    let result = host.endpoints[number].read(
      IOVA(address), into: &span, pasid: pasid.flatMap { PASID(rawValue: $0) })
    guard case .done = result else { return nil }
    return bytes.enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * $1.offset) }
  }

  /// Whether a device's write of eight bytes got through.
  func write(_ number: Int, _ value: UInt64, _ address: UInt64, pasid: UInt32? = nil) -> Bool {
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    let result = host.endpoints[number].write(
      IOVA(address), bytes.span, pasid: pasid.flatMap { PASID(rawValue: $0) })
    if case .done = result { return true }
    return false
  }
}

/// A PASID of a number that is one.
func pasid(_ number: UInt32) throws -> PASID {
  guard let pasid = PASID(rawValue: number) else { throw LinuxErrno.ERANGE }
  return pasid
}

extension RealisedDevice {
  /// What carries out the guest's wishes.
  func wishes() throws -> IOMMUFDBackend {
    guard let backend else { throw LinuxErrno.ENODEV }
    return backend
  }

  /// Memory decode and bus mastering, as a guest's driver turns on; twice, because one request of
  /// the kernel may be the one that fails.
  mutating func enable() { for _ in 0..<2 { writeConfig(6, .word, at: 4) } }
}
