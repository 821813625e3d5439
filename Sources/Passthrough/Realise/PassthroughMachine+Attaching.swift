import HostABI
import Hardware
import IOMMUClient
import VirtualIOMMU

/// Binding and attaching: steps that the kernel answers.
extension PassthroughMachine {
  /// Binds a device and attaches it as the guest's IOMMU and the host call for.
  func attach(
    _ request: DeviceRequest, for requester: Requester
  ) throws(RealiseError) -> RealisedParts {
    guard let kept = try bind(request) else {
      return RealisedParts(
        kept: nil, attachment: DeviceAttachment(table: .foreign, reasons: [.noHostIOMMU(.foreign)]))
    }
    let hardware: HardwareInformation?
    do throws(IOMMUError) {
      hardware = try kept.device.hardwareInformation()
    } catch {
      // Nobody's IOMMU is in front of an emulated device.
      guard error.errno == .ENOENT else {
        throw .host(device: request.name, .information, error)
      }
      hardware = nil
    }
    guard let hardware else { return try attachEmulated(kept, request) }
    return try attach(kept, hardware, request, for: requester)
  }

  private func bind(_ request: DeviceRequest) throws(RealiseError) -> KeptDevice? {
    do throws(IOMMUError) {
      switch request.source {
      case .foreign: return nil
      case .node(let path, let token):
        return KeptDevice(
          try VFIODevice(path: path, on: context.kernel).bind(to: context, token: token))
      case .descriptor(let descriptor, let path, let token):
        return KeptDevice(
          try VFIODevice(adopting: descriptor, path: path, on: context.kernel)
            .bind(to: context, token: token))
      }
    } catch {
      throw .host(device: request.name, .bind, error)
    }
  }

  /// A device whose memory accesses the kernel makes by itself, through the address space.
  private func attachEmulated(
    _ kept: KeptDevice, _ request: DeviceRequest
  ) throws(RealiseError) -> RealisedParts {
    let space = try space(for: request.name, isExclusive: false, omitsReadOnly: false)
    do throws(IOMMUError) {
      try kept.device.attach(to: space.space)
    } catch {
      throw .host(device: request.name, .attach, error)
    }
    return RealisedParts(
      kept: kept,
      attachment: DeviceAttachment(
        table: .addressSpace(id: space.space.id), reasons: [.noHostIOMMU(.emulated)]),
      space: space)
  }

  private func attach(
    _ kept: KeptDevice, _ hardware: HardwareInformation, _ request: DeviceRequest,
    for requester: Requester
  ) throws(RealiseError) -> RealisedParts {
    let needs = TableNeeds(requester.flags, hardware, tracks: request.tracksDirtyPages)
    var reasons = needs.reasons
    var vtd: VTdHardware?
    if case .vtd(let unit) = hardware.unit { vtd = unit }
    let isNestingVTd = vtd != nil && needs.flags.contains(.nestParent)
    let omitsReadOnly = isNestingVTd && vtd?.refusesReadOnlyUnderNesting == true
    if isNestingVTd {
      if let bridge = requester.aliasedBy {
        throw .belowConventionalBridge(device: request.name, bridge: bridge)
      }
      reasons.append(.ownSpace)
      if omitsReadOnly { reasons.append(.omitsReadOnly) }
    }
    let space = try space(
      for: request.name, isExclusive: isNestingVTd, omitsReadOnly: omitsReadOnly)
    let parent: KeptTable
    let isReused: Bool
    do throws(IOMMUError) {
      (parent, isReused) = try space.pool.attach(
        kept.device, in: space.space, needing: needs.flags)
      if isTracking, !isReused, parent.table.options.contains(.dirtyTracking) {
        try parent.table.setDirtyTracking(true)
      }
    } catch {
      throw .host(device: request.name, .attach, error)
    }
    let backend = IOMMUFDBackend(
      request.name, kept, attachedTo: parent, in: space,
      support: vtd.map { FirstStageSupport(unit: $0) })
    return RealisedParts(
      kept: kept, backend: backend,
      attachment: DeviceAttachment(
        table: .pageTable(id: parent.table.id, parent.table.options, isReused: isReused),
        reasons: reasons),
      hostDevice: Self.hostDevice(kept, hardware, request, backend))
  }

  private func space(
    for name: String, isExclusive: Bool, omitsReadOnly: Bool
  ) throws(RealiseError) -> DeviceSpace {
    do throws(IOMMUError) {
      return try space(isExclusive: isExclusive, omitsReadOnly: omitsReadOnly)
    } catch {
      throw .host(device: name, .memory, error)
    }
  }

  /// What the guest's IOMMU is told, now that the device is attached.
  private static func hostDevice(
    _ kept: KeptDevice, _ hardware: HardwareInformation, _ request: DeviceRequest,
    _ backend: IOMMUFDBackend
  ) -> HostIOMMUDevice {
    HostIOMMUDevice(
      name: request.name, deviceID: kept.device.id, parentName: request.parentName,
      unit: HostIOMMUDevice.Unit(hardware.unit),
      pasidInfo: hardware.pasidWidth > 0
        ? HostIOMMUDevice.PASIDInfo(
          width: UInt8(clamping: min(hardware.pasidWidth, 20)),
          allowsExecute: hardware.allowsPASIDExecute,
          allowsPrivileged: hardware.allowsPASIDPrivileged) : nil,
      tracksDirtyPages: hardware.tracksDirtyPages, supportsATS: hardware.allowsATS,
      guestAddressWidth: hardware.unit.guestAddressWidth, backend: backend)
  }
}

/// The flags that a device's page table must have, and why.
struct TableNeeds: Hashable, Sendable {
  private(set) var flags: HWPTFlags = []
  private(set) var reasons: [DeviceAttachment.Reason] = []

  /// Works out what both sides want.
  ///
  /// - Parameters:
  ///   - wishes: What the guest's IOMMU asks for.
  ///   - hardware: What the host can do for the device.
  ///   - tracks: Whether the VMM tracks dirty pages, where the guest's IOMMU does not decide.
  init(_ wishes: VIOMMUFlags, _ hardware: HardwareInformation, tracks: Bool) {
    let nests = wishes.contains(.wantsNestingParent)
    if nests {
      flags.insert(.nestParent)
      reasons.append(.nests)
    }
    if wishes.contains([.supportsPASID, .wantsPASIDAttach]) {
      if hardware.pasidWidth > 0 {
        flags.insert(.pasid)
        reasons.append(.pasids)
      } else {
        reasons.append(.noPASIDs)
      }
    }
    guard nests ? wishes.contains(.wantsNestingDirtyTracking) : tracks else { return }
    if hardware.tracksDirtyPages {
      flags.insert(.dirtyTracking)
      reasons.append(.tracksDirtyPages)
    } else {
      reasons.append(.cannotTrack)
    }
  }
}
