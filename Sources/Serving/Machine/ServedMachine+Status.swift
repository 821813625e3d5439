import DeviceModels
import Hardware
import IOMMU
import VirtualIOMMU

extension ServedMachine.Served {
  /// How a device stands.
  func status(unit: VTdUnit?) -> ServeStatus.Device {
    if let passed { return status(of: passed, isBehindUnit: unit != nil) }
    guard let model else { return ServeStatus.Device(function: function(), kind: kind) }
    let counts = model.counts
    let pasids = unit.flatMap { PASIDCensus.take(of: slot.requester, behind: $0) }
    return ServeStatus.Device(
      function: function(
        mappings: model.mappings, controls: model.controls.list, counts[.interrupts]),
      kind: kind, pasidCount: pasids?.count, firstPASIDs: pasids?.first ?? [],
      dmaReadCount: counts[.reads], dmaWriteCount: counts[.writes],
      dmaByteCount: counts[.readBytes] &+ counts[.writtenBytes], faultCount: counts[.faults],
      lastFault: counts.lastFault.map { event in
        let words = event.words(nil)
        return words.event + " " + words.text
      },
      pageRequestCount: counts[.pageRequests],
      waitingPageRequestCount: UInt64(model.port.waiting.count))
  }

  /// How a device of the host stands: its DMA and interrupts pass by this process, uncounted.
  private func status(of passed: PassedDevice, isBehindUnit: Bool) -> ServeStatus.Device {
    let memory = passed.reachableMemory
    let byteCount = memory.reduce(0) { $0 &+ ($1.upperBound &- $1.lowerBound &+ 1) }
    let pasids = passed.attachedPASIDs(first: PASIDCensus.named)
    return ServeStatus.Device(
      function: function(
        mappings: (memory.count, byteCount), controls: passed.controls.list),
      kind: kind, pasidCount: isBehindUnit ? pasids.count : nil,
      firstPASIDs: pasids.first.map(\.rawValue),
      pageRequestCount: passed.counts[.pageRequests],
      waitingPageRequestCount: UInt64(passed.waitingGroupCount), problems: passed.problems)
  }

  func function(
    mappings: (count: Int, byteCount: UInt64) = (0, 0), controls: [String] = [],
    _ interrupts: UInt64 = 0
  ) -> ServeStatus.Function {
    ServeStatus.Function(
      name: slot.name, place: "\(slot.place)", socket: slot.socketPath, client: client.words,
      mappingCount: mappings.count, mappedByteCount: mappings.byteCount, controls: controls,
      interruptCount: interrupts)
  }
}

extension UnitFunction {
  /// How the unit stands.
  func status(_ served: ServedMachine.Served) -> ServeStatus.Unit {
    takeEvents()
    let parts = memory.all
    let byteCount = parts.reduce(0) { sum, part in
      sum &+ (part.range.upperBound &- part.range.lowerBound &+ 1)
    }
    let cache = unit.memory.unit
    return ServeStatus.Unit(
      function: served.function(
        mappings: (parts.count, byteCount), controls: [], routes.sentCount),
      registerBase: base, isHidden: isHidden,
      status: UInt32(truncatingIfNeeded: unit.read(VTdRegister.status, size: 4)),
      rootTable: unit.read(VTdRegister.rootTable, size: 8),
      queueAddress: unit.read(VTdRegister.queueAddress, size: 8),
      queueHead: unit.read(VTdRegister.queueHead, size: 8),
      queueTail: unit.read(VTdRegister.queueTail, size: 8),
      faultStatus: UInt32(truncatingIfNeeded: unit.read(VTdRegister.faultStatus, size: 4)),
      eventCount: counts[.events], cacheHitCount: cache.hits, cacheMissCount: cache.misses)
  }
}

/// Which PASIDs a guest's tables give a device, read of them at once.
enum PASIDCensus {
  /// How many are named.
  static let named = 8

  /// Looks at every table that is there.
  ///
  /// - Returns: `nil` while the unit translates nothing, or the device has no PASIDs.
  static func take(
    of requester: RequesterID, behind unit: VTdUnit
  ) -> (count: Int, first: [UInt32])? {
    let state = unit.translationState
    guard state.isTranslating else { return nil }
    let tables = VTdTables(memory: unit.memory, features: unit.features)
    guard case .scalable(let context)? = try? tables.context(of: requester, root: state.root),
      context.allowsPASID
    else { return nil }
    var count = 0
    var first: [UInt32] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    tables.forEachPASID(in: context, &buffer) { pasid, _ in
      // The first belongs to requests without a PASID.
      guard pasid.rawValue > 0 else { return }
      count += 1
      if first.count < named { first.append(pasid.rawValue) }
    }
    return (count, first)
  }
}
