package import HostABI

/// What a VFIO device told of itself when it was bound once.
package struct VFIODeviceFacts: Sendable {
  package let path: String
  package let maxPASIDLog2: UInt8
  package let infoType: UInt32
  package let capabilities: HardwareCapabilities
  package let info: [UInt8]
  package let flags: VFIODeviceFlags
  package let regionCount: UInt32
  /// Sizes of the first nine regions.
  package let regions: [RegionInfoArgument]
  /// Counts of the five interrupt kinds; `nil` for one that is refused.
  package let interrupts: [UInt32?]
  /// The whole config space as VFIO shows it.
  package let config: [UInt8]
  /// What the device can serve for cases.
  package let needs: Set<Need>

  /// Binds a device and asks it; `nil` when it cannot be bound.
  init?(path: String, _ kernel: any HostKernel, isVirtualFunction: Bool = false) {
    let bench = Bench(.unknown(kernel))
    defer { bench.finish() }
    do {
      let context = try bench.context()
      let device = VFIODescriptor(bench: bench, descriptor: try bench.open(path))
      let id = try device.bind(context)
      // An emulated device is no device of iommufd's.
      let answer = try? context.hardwareInfo(id)
      let general = try device.info()
      self.path = path
      maxPASIDLog2 = answer?.answer.outMaxPASIDLog2 ?? 0
      infoType = answer?.answer.dataType ?? 0
      capabilities = HardwareCapabilities(rawValue: answer?.answer.outCapabilities ?? 0)
      info = answer.map { Array($0.data.prefix(Int($0.answer.dataLength))) } ?? []
      flags = VFIODeviceFlags(rawValue: general.flags)
      regionCount = general.regionCount
      var regions: [RegionInfoArgument] = []
      for index in 0..<min(general.regionCount, VFIOPCI.regionCount) {
        regions.append((try? device.region(index)) ?? RegionInfoArgument { $0.index = index })
      }
      self.regions = regions
      interrupts = (0..<VFIOPCI.irqCount).map { (try? device.interrupt($0))?.count }
      config =
        regions.count > 7
        ? (try? device.read(at: regions[7].offset, Int(min(regions[7].byteCount, 4096)))) ?? []
        : []
      guard answer != nil else {
        needs = [.emulatedDevice]
        return
      }
      var needs = Self.needs(
        context, device, id, maxPASIDLog2, infoType, capabilities, flags, regions, interrupts,
        config)
      if isVirtualFunction { needs.insert(.virtualFunction) }
      self.needs = needs
    } catch {
      return nil
    }
  }

  private static func needs(
    _ context: Context, _ device: VFIODescriptor, _ id: UInt32, _ maxPASIDLog2: UInt8,
    _ infoType: UInt32, _ capabilities: HardwareCapabilities, _ flags: VFIODeviceFlags,
    _ regions: [RegionInfoArgument], _ interrupts: [UInt32?], _ config: [UInt8]
  ) -> Set<Need> {
    var needs: Set<Need> = [.vfio]
    needs.insert(maxPASIDLog2 > 0 ? .vfioPASID : .vfioWithoutPASID)
    needs.insert(capabilities.contains(.dirtyTracking) ? .vfioDirty : .vfioWithoutDirty)
    if flags.contains(.reset) { needs.insert(.reset) }
    let extended = extendedCapabilities(config)
    // Only a physical function that can have virtual ones takes the feature.
    // Probing whether the feature, number 0, can be set.
    if (try? device.feature(1 << 18 | 1 << 17)) == nil {
      needs.insert(.vfioWithoutTokens)
    }
    if let bar = regions.prefix(6).first(where: { $0.byteCount >= 4096 && $0.flags & 4 != 0 }),
      let page = try? device.bench.kernel.map(device.descriptor, offset: bar.offset, 4096, .read)
    {
      try? device.bench.kernel.release(page, 4096)
      needs.insert(.mappableBAR)
    }
    if infoType == HardwareInfoType.vtd {
      needs.insert(.vtd)
      if !extended.contains(where: { $0.id == 0x13 }) { needs.insert(.vtdWithoutPRI) }
    }
    if let ioas = try? context.ioas(), (try? context.hwpt(id, on: ioas, .pasid)) == nil {
      needs.insert(.unitWithoutPASID)
    }
    let nests = (try? context.hwpt(id, on: try context.ioas(), .nestParent)) != nil
    if infoType == HardwareInfoType.vtd, nests {
      needs.insert(.vtdNesting)
      if maxPASIDLog2 > 0 { needs.insert(.vtdNestingPASID) }
    }
    if infoType == HardwareInfoType.armSMMUv3, nests { needs.insert(.smmuv3) }
    if windows(context, device) { needs.insert(.interruptWindow) }
    if regions.prefix(6).contains(where: { $0.byteCount >= 4 && $0.flags & 4 != 0 }) {
      needs.insert(.memoryBAR)
    }
    if (interrupts.count > 2 ? interrupts[2] ?? 0 : 0) > 0 { needs.insert(.msix) }
    if interrupts.contains(0) { needs.insert(.emptyInterrupt) }
    if extended.contains(where: { $0.id == 0x0F }) { needs.insert(.vfioATS) }
    return needs
  }

  /// Whether attaching takes addresses away that the page table itself could translate.
  private static func windows(_ context: Context, _ device: VFIODescriptor) -> Bool {
    guard let ioas = try? context.ioas(), (try? device.attach(ioas)) != nil,
      let ranges = try? context.ranges(ioas).ranges
    else { return false }
    return ranges.count > 1
  }

  /// The extended capabilities that a config space lists: ID and offset.
  package static func extendedCapabilities(_ config: [UInt8]) -> [(id: Int, offset: Int)] {
    var found: [(id: Int, offset: Int)] = []
    var offset = 0x100
    while offset >= 0x100, offset + 4 <= config.count, found.count < 960 {
      let header = config.little(UInt32.self, at: offset)
      guard header != 0, header != .max else { break }
      found.append((Int(header & 0xFFFF), offset))
      offset = Int(header >> 20) & 0xFFC
    }
    return found
  }
}
