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

  /// What differs between kernels and their IOMMUs.
  enum Recipe: Sendable {
    /// Everything at once, which no real IOMMU has.
    case everything
    /// PASIDs on nested tables.
    case vtd(device: String)
    /// The guest's whole table through a virtual IOMMU.
    case smmuv3(device: String)

    var device: String {
      switch self {
      case .everything: "/dev/vfio/devices/vfio0"
      case .vtd(let device), .smmuv3(let device): device
      }
    }
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
  init(on kernel: any HostKernel, _ recipe: Recipe = .everything) throws {
    let context = try IOMMUContext(on: kernel)
    let device = try VFIODevice(path: recipe.device, on: kernel).bind(to: context)
    _ = try device.hardwareInformation()
    let space = try IOAddressSpace(in: context)
    let memory = try kernel.makeMemoryFile(0x4000)
    defer { try? kernel.close(memory) }
    try space.mapFile(memory, offset: 0, byteCount: 0x4000, at: IOVA(0x10_0000))
    let faults = try FaultQueue(in: context)
    let parent: HardwarePageTable
    switch recipe {
    case .everything, .vtd:
      parent = try space.makePageTable(for: device, options: [.nestParent, .pasid])
      try device.attach(to: parent)
      let nested = try parent.makeNestedTable(
        for: device, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(0x10_0000))),
        options: .pasid, faults: faults)
      try device.attach(Self.pasid(1), to: nested)
      try device.attach(Self.pasid(7), to: nested)
      try device.replace(Self.pasid(7), with: parent)
      try nested.invalidate([.everything])
      self.nested = consume nested
    case .smmuv3:
      parent = try space.makePageTable(for: device, options: .nestParent)
      try device.attach(to: parent)
      nested = nil
    }
    if case .vtd = recipe {
      viommu = nil
      virtualDevice = nil
      events = nil
    } else {
      let viommu = try VirtualIOMMU(.smmuv3, for: device, on: parent)
      virtualDevice = try VirtualDevice(0x20, of: device, behind: viommu)
      events = try EventQueue(of: viommu, .smmuv3, depth: 16)
      if case .smmuv3 = recipe {
        // V and Config of a stream that the guest's stage 1 translates.
        let nested = try viommu.makeNestedTable(
          for: device, .smmuv3(word0: 1 | 5 << 1 | 0x10_0000, word1: 0))
        try device.replace(with: nested)
        self.nested = consume nested
      }
      self.viommu = consume viommu
    }
    self.context = context
    self.space = consume space
    self.parent = consume parent
    self.faults = consume faults
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
