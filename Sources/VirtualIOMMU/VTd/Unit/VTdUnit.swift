public import Hardware
import Synchronization

/// A VT-d unit as a guest programs it: registers, queues, tables, faults.
///
/// VT-d revision 4.1.
///
/// A VMM forwards accesses to the unit's register page to ``read(_:size:)`` and
/// ``write(_:at:size:)``, hands over the guest's memory, and is told of interrupts. Devices of a host
/// are translated by their ``DeviceBackend``, emulated ones by whoever listens to the unit's caches.
///
/// Every method may be called on any thread; one lock orders them all. It is held while backends,
/// listeners and ``MessageInterrupts`` are called, on the thread that made the access: none of them
/// may call the unit back, or wait for a thread that does. A write returns when all that the guest
/// told to forget is forgotten. What one access can cost is bounded by the length of the guest's
/// queue and the number of PASIDs in its tables.
public final class VTdUnit: GuestIOMMU, Sendable {
  /// What the user asked for.
  public let configuration: VTdConfiguration
  /// The guest's memory.
  public let memory: GuestMemory
  private let model: Mutex<VTdModel>

  /// Makes a unit as it is after power-up.
  ///
  /// - Parameters:
  ///   - configuration: What the user asks for.
  ///   - memory: The guest's memory.
  ///   - interrupts: Where the unit's own interrupts go.
  public init(
    _ configuration: VTdConfiguration, memory: GuestMemory, interrupts: any MessageInterrupts
  ) {
    self.configuration = configuration
    self.memory = memory
    model = Mutex(VTdModel(configuration, memory: memory, interrupts: interrupts))
  }

  // MARK: Registers

  /// What a guest reads of the register page.
  ///
  /// - Parameters:
  ///   - offset: Where, in bytes.
  ///   - size: 4 or 8 bytes, aligned; any other access reads zero.
  /// - Returns: The value, in the lowest `size` bytes.
  public func read(_ offset: Int, size: Int) -> UInt64 {
    model.withLock { $0.read(offset, size: size) }
  }

  /// Does what a guest's write to the register page does.
  ///
  /// - Parameters:
  ///   - value: What is written, in the lowest `size` bytes.
  ///   - offset: Where, in bytes.
  ///   - size: 4 or 8 bytes, aligned; any other access does nothing.
  public func write(_ value: UInt64, at offset: Int, size: Int) {
    model.withLock { $0.write(value, at: offset, size: size) }
  }

  /// Puts everything back to what it is after power-up; devices and listeners stay.
  public func reset() { model.withLock { $0.reset() } }

  // MARK: Faults and caches

  /// Records a fault for the guest; faults that FPD suppresses must not come here.
  ///
  /// - Parameter fault: The refused request.
  public func record(_ fault: VTdFault) { model.withLock { $0.record(fault) } }

  /// Lets something that caches the guest's tables know of all invalidations from now on.
  ///
  /// - Parameter listener: Who is told; first of the state as it is.
  public func addListener(_ listener: any VTdCacheListener) {
    model.withLock {
      $0.listeners.append(listener)
      listener.changed(to: $0.state)
    }
  }

  /// What the unit's own translations depend on, at the moment.
  public var translationState: VTdTranslationState { model.withLock { $0.state } }

  /// What the guest's tables may ask for.
  public var features: VTdFeatures { configuration.tableFeatures }

  // MARK: For the operator

  /// What happened since the last call that an operator may want to know, oldest first.
  ///
  /// The latest 256 are kept.
  public func takeEvents() -> [VTdEvent] { model.withLock { $0.log.take() } }

  /// How many events were dropped because nobody took them.
  public var droppedEvents: Int { model.withLock { $0.log.dropped } }

  /// Keeps what the guest invalidates, by its queue or by registers, from now on, for
  /// ``takeInvalidations()``.
  public func keepInvalidations() { model.withLock { $0.keepsInvalidations = true } }

  /// What the guest told to forget since the last call; `nil` when that is nothing.
  ///
  /// Nothing is kept before ``keepInvalidations()``.
  public func takeInvalidations() -> VTdInvalidationBatch? {
    model.withLock { $0.takeKept() }
  }

  // MARK: Devices

  /// What the host is asked for: nesting and PASIDs in scalable mode.
  public var flags: VIOMMUFlags {
    guard configuration.nestsOnHost else { return [] }
    var flags: VIOMMUFlags = .wantsNestingParent
    if configuration.pasidBits > 0 { flags.formUnion([.supportsPASID, .wantsPASIDAttach]) }
    if configuration.features.contains(.dirtyTracking) {
      flags.insert(.wantsNestingDirtyTracking)
    }
    return flags
  }

  /// Bits of a PASID; from the configuration.
  public var pasidWidth: UInt8 { UInt8(configuration.pasidBits) }
  /// Never for devices of a host: the kernel takes no word on execute requests (ERE) with a guest's
  /// first stage (`enum iommu_hwpt_vtd_s1_flags`), so that an entry's could not be carried out.
  public var honoursExecute: Bool { false }
  /// Whether privileged requests are carried; from the configuration.
  public var honoursPrivileged: Bool { configuration.features.contains(.supervisorRequests) }
  /// Whether there are device TLBs; from the configuration.
  public var supportsATS: Bool { configuration.features.contains(.deviceTLBs) }
  /// Whether there are page requests; from the configuration.
  public var supportsPageRequests: Bool { configuration.features.contains(.pageRequests) }

  /// Takes a device of the host; its backend is told at once what the guest's tables say of it.
  ///
  /// - Parameters:
  ///   - device: The device.
  ///   - requester: Where the guest finds it.
  /// - Throws: A reason when the host cannot do what the unit promises its guest.
  public func add(
    _ device: HostIOMMUDevice, at requester: RequesterID
  ) throws(HostDeviceRefusal) {
    try configuration.check(device)
    let isAdded = model.withLock {
      $0.add(
        VTdShadow.Device(
          requester: requester, name: device.name, backend: device.backend, deviceTLB: nil))
    }
    guard isAdded else { throw .taken(requester) }
  }

  /// Takes an emulated device, which the unit calls only for its device TLB and page requests.
  ///
  /// - Parameters:
  ///   - requester: Where the guest finds it.
  ///   - name: What the operator calls it.
  ///   - deviceTLB: Its device TLB, if it has one.
  /// - Throws: ``HostDeviceRefusal/taken(_:)``.
  public func addEmulated(
    at requester: RequesterID, name: String, deviceTLB: (any VTdDeviceTLB)? = nil
  ) throws(HostDeviceRefusal) {
    let isAdded = model.withLock {
      $0.add(
        VTdShadow.Device(
          requester: requester, name: name, backend: nil, deviceTLB: deviceTLB))
    }
    guard isAdded else { throw .taken(requester) }
  }

  /// Lets a device go; its backend is not called any more, not even to take translations away.
  ///
  /// - Parameter requester: Where the guest found it.
  public func remove(_ requester: RequesterID) {
    model.withLock { $0.shadow.remove(requester.sourceID) }
  }

  /// Writes a page request into the guest's queue.
  ///
  /// The device's backend gets the answer, now or later, when the request is the last of its group.
  ///
  /// - Parameters:
  ///   - request: The request.
  ///   - requester: Who asks.
  /// - Returns: Whether the guest will answer; otherwise the backend has been told the answer.
  public func report(_ request: GuestPageRequest, from requester: RequesterID) -> Bool {
    model.withLock { $0.report(request, from: requester) }
  }

  // MARK: Migration

  /// The state of the registers, and what was latched.
  ///
  /// The guest's tables and queues are in its memory, and what the backends have in place follows.
  public func save() -> VTdUnitState { model.withLock { $0.save() } }

  /// Takes over the state of another unit, and brings the backends to what the guest's tables say.
  ///
  /// The guest's memory must have arrived.
  ///
  /// - Parameter state: The state; it may come from anybody.
  /// - Throws: A reason when it is none of a unit with this configuration; nothing has changed then.
  public func restore(_ state: VTdUnitState) throws(VTdRestoreError) {
    try model.withLock { (model) throws(VTdRestoreError) in try model.restore(state) }
  }
}
