import Hardware
import IOMMU

/// The state of a unit, and what follows from each access; ``VTdUnit`` puts a lock around it.
///
/// Nothing here waits, and what one access can cause is bounded: by one lap of the invalidation
/// queue, and by the PASIDs that the guest's tables hold for the devices of the host.
struct VTdModel: ~Copyable {
  let configuration: VTdConfiguration
  let memory: GuestMemory
  let tables: VTdTables
  let interrupts: any MessageInterrupts
  /// Bit n stands for descriptors of type n: what the configuration offers.
  let kinds: UInt16

  var registers: VTdRegisterFile
  /// What was latched, and switched on.
  var state = VTdTranslationState.reset
  /// IQA as it was when the queue was enabled; `nil` while it is not.
  var queue: VTdQueueAddress?
  /// The recording register for the next fault.
  var nextRecord = 0
  /// A device that has not answered an invalidation which no wait descriptor has followed yet.
  var silentSource: UInt16?
  /// Whether listeners were told of something that they have not drained yet.
  var needsDrain = false

  var listeners: [any VTdCacheListener] = []
  var shadow = VTdShadow()
  var log = VTdEventLog()
  /// Whether what the guest invalidates is kept for a log.
  var keepsInvalidations = false
  var kept = VTdInvalidationBatch()
  /// Where descriptors are read to, a page at a time.
  var queueBuffer = [UInt8](repeating: 0, count: 4096)
  /// Where tables are read to, which a descriptor may ask for.
  var tableBuffer = [UInt8](repeating: 0, count: 4096)

  init(
    _ configuration: VTdConfiguration, memory: GuestMemory, interrupts: any MessageInterrupts
  ) {
    self.configuration = configuration
    self.memory = memory
    self.interrupts = interrupts
    tables = VTdTables(memory: memory, features: configuration.tableFeatures)
    kinds = configuration.descriptorKinds
    registers = VTdRegisterFile(configuration)
  }

  /// Puts everything back to what it is after power-up; devices stay.
  mutating func reset() {
    registers = VTdRegisterFile(configuration)
    state = .reset
    queue = nil
    nextRecord = 0
    silentSource = nil
    shadow.beginStretch()
    announceState(flushing: true)
    shadow.markAll()
    finishInvalidations()
  }

  /// Tells the listeners what holds from now on.
  mutating func announceState(flushing: Bool) {
    for listener in listeners { listener.changed(to: state) }
    guard flushing else { return }
    tellListeners(.allContexts)
    tellListeners(.allPASIDs)
    tellListeners(.allTranslations)
    tellListeners(.allInterrupts)
  }

  /// Tells the listeners what to forget.
  @inline(__always)
  mutating func tellListeners(_ what: VTdCacheInvalidation) {
    guard !listeners.isEmpty else { return }
    for listener in listeners { listener.invalidate(what) }
    needsDrain = true
  }
}

extension VTdConfiguration {
  /// What the readers of tables need to know.
  var tableFeatures: VTdFeatures {
    VTdFeatures(
      capability: capability.rawValue, extendedCapability: extendedCapability.rawValue,
      hostAddressWidth: min(addressWidth, 52))
  }

  /// Bit n stands for descriptors of type n.
  var descriptorKinds: UInt16 {
    var kinds: [VTdDescriptor.Kind] = [.contextCache, .iotlb, .wait]
    if features.contains(.deviceTLBs) { kinds.append(.deviceTLB) }
    if features.contains(.interruptRemapping) { kinds.append(.interruptCache) }
    if features.contains(.scalableMode) { kinds += [.pasidIOTLB, .pasidCache] }
    if features.isSuperset(of: [.scalableMode, .deviceTLBs]) { kinds.append(.pasidDeviceTLB) }
    if features.contains(.pageRequests) { kinds.append(.pageGroupResponse) }
    return kinds.reduce(0) { $0 | 1 << UInt16($1.rawValue) }
  }
}
