import Hardware
import HostABI

extension HostKnowledge {
  /// Takes note of an answered call.
  mutating func learn(_ call: TracedCall) {
    guard case .success = call.result else { return }
    switch call.call {
    case .open:
      guard let other = call.other else { return }
      if other.kind == .iommu { contexts[other.number] = KnownContext() }
    case .ioctl(let request, let before, let after):
      guard let file = call.file else { return }
      let before = StructureReader(before)
      let after = StructureReader(after)
      switch file.kind {
      case .device(let index):
        learn(VFIODeviceRequest(rawValue: request), of: index, call, before, after)
      case .group(let group):
        if request == VFIOGroupRequest.setContainer.rawValue, call.other?.kind == .iommu {
          containers[group] = call.other?.number
        } else if request == VFIOGroupRequest.unsetContainer.rawValue {
          containers[group] = nil
        } else if request == VFIOGroupRequest.getDeviceFD.rawValue, let other = call.other,
          case .device(let index) = other.kind, let context = containers[group]
        {
          let id = UInt32(truncatingIfNeeded: index) | KnownContext.untoldNumber
          bound[other.number] = (context, id)
          contexts[context, default: KnownContext()].objects[id] = KnownObject(
            kind: .device, device: index)
        }
      case .iommu:
        if request == MockRequest.number {
          learnMock(file.number, before, after)
        } else if let known = VFIOContainerRequest(rawValue: request) {
          learn(known, file.number, before, after)
        } else {
          learn(IOMMUFDRequest(rawValue: request & 0xFF), file.number, before, after)
        }
      case .faults, .events, .access, .buffer: break
      }
    case .close, .duplicate, .read, .write, .map: break
    }
  }

  private mutating func learn(
    _ request: VFIODeviceRequest?, of index: Int, _ call: TracedCall,
    _ before: StructureReader, _ after: StructureReader
  ) {
    guard let file = call.file, let context = context(of: call) else { return }
    switch request {
    case .bindIOMMUFD:
      let id = after.word(12)
      contexts[context, default: KnownContext()].objects[id] = KnownObject(
        kind: .device, device: index)
      bound[file.number] = (context, id)
    case .attach:
      guard let device = bound[file.number]?.device else { return }
      let point = AttachmentPoint(
        device: device, pasid: before.word(4) & 1 == 1 ? before.word(12) : nil)
      attach(point, given: before.word(8), answered: after.word(8), in: context)
    case .detach:
      guard let device = bound[file.number]?.device else { return }
      contexts[context]?.detach(
        AttachmentPoint(device: device, pasid: before.word(4) & 1 == 1 ? before.word(8) : nil))
    default: break
    }
  }

  private mutating func attach(
    _ point: AttachmentPoint, given: UInt32, answered: UInt32, in context: Int
  ) {
    guard let known = contexts[context] else { return }
    if known.objects[answered] == nil {
      contexts[context]?.objects[answered] = KnownObject(
        kind: .hwpt, parent: known.objects[given]?.kind == .ioas ? given : nil, isAutomatic: true)
    }
    contexts[context]?.attach(point, to: answered)
  }

  private mutating func learn(
    _ request: VFIOContainerRequest, _ context: Int, _ before: StructureReader,
    _ after: StructureReader
  ) {
    let space = contexts[context]?.containerSpace ?? 0
    switch request {
    case .mapDMA: contexts[context]?.map(space, before.long(16), before.long(24))
    case .unmapDMA:
      let isAll = before.word(4) & 2 != 0
      contexts[context]?.unmap(
        space, isAll ? 0 : before.long(8), isAll ? .max : before.long(16))
    case .getAPIVersion, .checkExtension, .setIOMMU, .getInfo: break
    }
  }

  private mutating func learn(
    _ request: IOMMUFDRequest?, _ context: Int, _ before: StructureReader,
    _ after: StructureReader
  ) {
    func made(_ kind: KnownObject.Kind, at offset: Int, on parent: UInt32? = nil) {
      contexts[context, default: KnownContext()].objects[after.word(offset)] = KnownObject(
        kind: kind, parent: parent)
    }
    switch request {
    case .destroy: contexts[context]?.destroy(before.word(4))
    case .ioasAlloc: made(.ioas, at: 8)
    case .ioasMap, .ioasMapFile:
      contexts[context]?.map(before.word(8), after.long(32), before.long(24))
    case .ioasCopy:
      contexts[context]?.map(before.word(8), after.long(24), before.long(16))
    case .ioasUnmap:
      contexts[context]?.unmap(before.word(4), before.long(8), before.long(16))
    case .vfioIOAS:
      let operation = before.word(8) & 0xFFFF
      contexts[context]?.containerSpace = operation == 2 ? 0 : after.word(4)
    case .hwptAlloc:
      let parent = before.word(12)
      let isGuests = contexts[context]?.objects[parent].map { $0.kind != .ioas } ?? false
      made(isGuests ? .nested : .hwpt, at: 16, on: parent)
    case .faultQueueAlloc: made(.faults, at: 8)
    case .viommuAlloc: made(.viommu, at: 20, on: before.word(16))
    case .vdeviceAlloc:
      made(.vdevice, at: 12, on: before.word(4))
      let device = contexts[context]?.objects[before.word(8)]?.device
      contexts[context]?.objects[after.word(12)]?.device = device
    case .veventqAlloc: made(.events, at: 20, on: before.word(8))
    case .hwQueueAlloc: made(.hardwareQueue, at: 20, on: before.word(8))
    case .ioasAllowIOVAs, .ioasIOVARanges, .ioasChangeProcess, .option, .getHardwareInfo,
      .setDirtyTracking, .getDirtyBitmap, .hwptInvalidate, nil:
      break
    }
  }

  private mutating func learnMock(
    _ context: Int, _ before: StructureReader, _ after: StructureReader
  ) {
    let id = before.word(8)
    let holder = contexts[context]?.objects[id]
    switch MockOperation(rawValue: before.word(4)) {
    case .makeDevice, .makeDeviceWithFlags:
      let device = after.word(24)
      contexts[context]?.objects[device] = KnownObject(kind: .device)
      contexts[context]?.objects[after.word(16)] = KnownObject(kind: .mockDevice, parent: device)
      attach(AttachmentPoint(device: device), given: id, answered: after.word(20), in: context)
    case .replaceTable:
      guard let device = holder?.parent else { return }
      attach(
        AttachmentPoint(device: device), given: before.word(16), answered: after.word(16),
        in: context)
    case .attachPASID, .replacePASID:
      guard let device = holder?.parent else { return }
      attach(
        AttachmentPoint(device: device, pasid: before.word(16)), given: before.word(20),
        answered: after.word(20), in: context)
    case .detachPASID:
      guard let device = holder?.parent else { return }
      contexts[context]?.detach(AttachmentPoint(device: device, pasid: before.word(16)))
    default: break
    }
  }
}

/// Little-endian integers of a structure; what the structure is too short for reads as zero.
struct StructureReader {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func word(_ offset: Int) -> UInt32 { bytes.span.little(UInt32.self, at: offset) ?? 0 }

  func long(_ offset: Int) -> UInt64 { bytes.span.little(UInt64.self, at: offset) ?? 0 }
}
