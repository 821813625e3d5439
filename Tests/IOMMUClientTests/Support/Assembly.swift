import HostABI
import Hardware
import IOMMUClient

/// A device with PASIDs on nested tables, as a monitor would have it: one of every owner that can
/// hold another one up.
///
/// It is written against any kernel, so that the same statements hold on a scripted one and on
/// others.
struct Assembly: ~Copyable {
  /// What can be let go of by itself.
  enum Part: CaseIterable, Sendable {
    case space, parent, faults, nested, device, viommu, virtualDevice, events
  }

  /// What differs between kernels.
  struct Recipe: Sendable {
    var devicePath = "/dev/vfio/devices/vfio0"
    var hasVirtualIOMMU = true
  }

  let context: IOMMUContext
  private var space: IOAddressSpace?
  private var parent: HardwarePageTable?
  private var faults: FaultQueue?
  private var nested: HardwarePageTable?
  private var device: BoundDevice?
  private var viommu: VirtualIOMMU?
  private var virtualDevice: VirtualDevice?
  private var events: EventQueue?

  /// Builds everything, or fails at the request that fails.
  init(on kernel: any HostKernel, _ recipe: Recipe = Recipe()) throws {
    let context = try IOMMUContext(on: kernel)
    let device = try VFIODevice(path: recipe.devicePath, on: kernel).bind(to: context)
    _ = try device.hardwareInformation()
    let space = try IOAddressSpace(in: context)
    let memory = try kernel.makeMemoryFile(0x4000)
    defer { try? kernel.close(memory) }
    try space.mapFile(memory, offset: 0, byteCount: 0x4000, at: IOVA(0x10_0000))
    let parent = try space.makePageTable(for: device, options: [.nestParent, .pasid])
    try device.attach(to: parent)
    let faults = try FaultQueue(in: context)
    let nested = try parent.makeNestedTable(
      for: device, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(0x10_0000))),
      options: .pasid, faults: faults)
    try device.attach(Self.pasid(1), to: nested)
    try device.attach(Self.pasid(7), to: nested)
    try device.replace(Self.pasid(7), with: parent)
    if recipe.hasVirtualIOMMU {
      let viommu = try VirtualIOMMU(.smmuv3, for: device, on: parent)
      virtualDevice = try VirtualDevice(0x20, of: device, behind: viommu)
      events = try EventQueue(of: viommu, .smmuv3, depth: 16)
      self.viommu = consume viommu
    } else {
      virtualDevice = nil
      events = nil
      viommu = nil
    }
    self.context = context
    self.space = consume space
    self.parent = consume parent
    self.faults = consume faults
    self.nested = consume nested
    self.device = consume device
  }

  /// Ends one owner.
  mutating func drop(_ part: Part) {
    switch part {
    case .space: space = nil
    case .parent: parent = nil
    case .faults: faults = nil
    case .nested: nested = nil
    case .device: device = nil
    case .viommu: viommu = nil
    case .virtualDevice: virtualDevice = nil
    case .events: events = nil
    }
  }

  /// A PASID of a number that is one.
  static func pasid(_ number: UInt32) throws -> PASID {
    guard let pasid = PASID(rawValue: number) else { throw LinuxErrno.ERANGE }
    return pasid
  }
}
