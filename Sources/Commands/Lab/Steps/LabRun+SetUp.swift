import HostABI
import Hardware
import IOMMU
import IOMMUClient
import PCIe
import Placement
import SoftHost

extension LabRun {
  /// Where the guest's memory starts for the guest, and its size in bytes.
  private static let guestStart = GuestPhysicalAddress(0x10_0000)
  private static let guestSize: UInt64 = 4 << 20

  /// Opens, binds, maps and attaches, in the order that VMMs keep.
  func setUp() throws -> LabMachine {
    begin(.bind, "The VMM opens and binds it, and asks what it can do", Self.controlWay)
    let context = try IOMMUContext(on: kernel)
    note(.vmm, "open \(context.path)", "descriptor \(context.descriptor)")
    let path = "/dev/vfio/devices/vfio\(endpoint.deviceIndex)"
    let device = try VFIODevice(path: path, on: kernel).bind(to: context)
    note(.vmm, "open \(path), bind it", "device \(device.id)")
    try readConfig(device)
    let hardware = try device.hardwareInformation()
    note(hardware)
    return try mapMemory(context, device)
  }

  /// Reads config space as VFIO shows it, and lets the device make requests.
  private func readConfig(_ device: borrowing BoundDevice) throws {
    let region = try device.region(VFIOPCI.configRegion)
    let bytes = try device.read(region, at: 0, count: ConfigSpace.extendedSize)
    let view = try ConfigSpace(bytes)
    let shown = view.walkCapabilities().first(Capability.pasidID, in: .extended)
    report.facts.device?.isPASIDShown = shown != nil
    claim(
      .vmm, "read \(bytes.count) bytes of config space",
      shown.map { "PASID at \($0.offset.hex)" } ?? "no PASID capability: VFIO hides it",
      shown == nil, "no PASID capability")

    let inspected = Inspection.inspect(
      [
        LoadedDevice(
          address: description.address, source: device.path,
          config: description.function.config)
      ],
      views: [0: view], request: InspectRequest())
    if let found = inspected.first {
      report.facts.device?.vpasidOffset = found.decision.offset
      report.facts.device?.vpasidGrade = found.decision.word
      claim(
        .vmm, "place a vPASID for the guest", found.verdict,
        found.guestConfig?.walkCapabilities().first(Capability.pasidID, in: .extended) != nil,
        "a place for the capability")
    }

    let command = try device.load(UInt16.self, region, at: 4)
    try device.store(command | 6, region, at: 4)
    let now = try device.load(UInt16.self, region, at: 4)
    claim(
      .vmm, "let it make requests: Command \(command.hex)", "Command \(now.hex)", now & 4 != 0,
      "bit 2, Bus Master Enable, is set")
  }

  private func note(_ hardware: HardwareInformation) {
    var unit = "untold"
    var nests = false
    if case .vtd(let registers) = hardware.unit {
      unit = "vtd"
      nests = registers.extended.hasNesting
    }
    report.facts.hardware = LabFacts.Hardware(
      unit: unit, pasidWidth: hardware.pasidWidth, allowsExecute: hardware.allowsPASIDExecute,
      allowsPrivileged: hardware.allowsPASIDPrivileged, nests: nests,
      tracksDirtyPages: hardware.tracksDirtyPages, allowsATS: hardware.allowsATS)
    let words = [
      "exec \(hardware.allowsPASIDExecute.word)",
      "priv \(hardware.allowsPASIDPrivileged.word)", "ATS \(hardware.allowsATS.word)",
      "dirty pages \(hardware.tracksDirtyPages.word)",
    ]
    claim(
      .vmm, "ask for the IOMMU: \(unit == "vtd" ? "VT-d" : unit)",
      "PASIDs of \(hardware.pasidWidth) bits, nesting \(nests.word)",
      nests && hardware.pasidWidth > 0, "VT-d with nesting and PASIDs")
    note(.vmm, "what device and IOMMU can do besides", words.joined(separator: ", "))
  }

  private func mapMemory(
    _ context: IOMMUContext, _ device: consuming BoundDevice
  ) throws -> LabMachine {
    begin(.memory, "The guest's memory becomes the second stage", Self.controlWay)
    let memory = try GuestMemory(on: kernel, at: Self.guestStart, byteCount: Self.guestSize)
    let range = "\(memory.start.rawValue.hex)-\(memory.last.rawValue.hex)"
    note(
      .vmm, "allocate \(memory.byteCount >> 20) MiB for guest \(range)",
      "at \(memory.hostAddress.hex) of this process")
    let space = try IOAddressSpace(in: context)
    let iova = try space.map(
      memory.hostAddress, byteCount: memory.byteCount, at: IOVA(memory.start.rawValue))
    claim(
      .vmm, "map it into a new IOAS", "IOAS \(space.id), at \(iova.rawValue.hex)",
      iova.rawValue == memory.start.rawValue, "the guest-physical address")

    let parent = try space.makePageTable(for: device, options: [.nestParent, .pasid])
    note(.vmm, "page table of it, NEST_PARENT | PASID", "HWPT \(parent.id)")
    try device.attach(to: parent)
    let attached = device.attachedTable
    claim(
      .vmm, "attach the device's RID to HWPT \(parent.id)",
      attached.map { "it goes through \($0)" } ?? "nothing", attached == .pageTable(parent.id),
      "page table \(parent.id)")
    let usable = try space.usableAddresses()
    note(
      .vmm, "which addresses devices may use",
      usable.ranges.map { "\($0.lowerBound.rawValue.hex)-\($0.upperBound.rawValue.hex)" }
        .joined(separator: ", "))
    let pages = host.chargedPageCount
    claim(
      .host, "pages charged to the VMM", "\(pages) pages",
      UInt64(pages) == memory.byteCount / GuestMemory.pageSize,
      "\(memory.byteCount / GuestMemory.pageSize) pages")
    report.facts.memory = LabFacts.Memory(
      addressSpace: space.id, guestAddress: memory.start.rawValue, byteCount: memory.byteCount,
      hostAddress: memory.hostAddress,
      usable: usable.ranges.map { $0.lowerBound.rawValue...$0.upperBound.rawValue },
      nestingParent: parent.id, pinnedPages: pages)
    return LabMachine(context, device, space, parent, memory)
  }
}

extension Bool {
  /// How reports say it.
  var word: String { self ? "yes" : "no" }
}
