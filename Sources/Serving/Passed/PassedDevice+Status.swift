import DeviceModels
public import Hardware
import PCIe
import Passthrough
import Synchronization

/// What an operator wants to see of a device, now.
extension PassedDevice {
  /// The memory that the device reaches, ascending.
  public var reachableMemory: [ClosedRange<UInt64>] {
    machine.regions.map { $0.range.lowerBound.rawValue...$0.range.upperBound.rawValue }
  }

  /// The PASIDs that have a translation on the host, ascending.
  public var attachedPASIDs: [PASID] {
    realised.withLock { $0.device?.backend?.attachedPASIDs ?? [] }
  }

  /// How many PASIDs have a translation on the host, and the lowest of them, ascending.
  ///
  /// - Parameter limit: How many are named.
  /// - Returns: The count of all, and at most `limit` of them.
  func attachedPASIDs(first limit: Int) -> (count: Int, first: [PASID]) {
    realised.withLock { $0.device?.backend?.attachedPASIDs(first: limit) ?? (0, []) }
  }

  /// How many groups of page requests the guest has not answered.
  public var waitingGroupCount: Int {
    realised.withLock { $0.device?.backend?.waitingGroupCount ?? 0 }
  }

  /// What config space, as the guest is shown it, lets the function do; nothing once it was given
  /// back.
  var controls: FunctionControls {
    guard !hasEnded else { return [] }
    let config = shownConfig
    let walk = config.walkCapabilities()
    func control(_ id: UInt16, _ offset: Int) -> UInt16 {
      walk.first(id, in: .extended).map { config.read16($0.offset + offset) } ?? 0
    }
    // Enable, execute and privileged mode are bits 0, 1 and 2 of PASID Control.
    var controls = FunctionControls(
      rawValue: UInt8(truncatingIfNeeded: control(Capability.pasidID, 6) & 7) << 1)
    if isBusMaster.load(ordering: .relaxed) { controls.insert(.busMaster) }
    if control(TranslationServices.atsID, 6) >> 15 == 1 { controls.insert(.ats) }
    let requests = UInt32(control(TranslationServices.priID, TranslationServices.priControl))
    if requests & TranslationServices.priEnable != 0 { controls.insert(.pageRequests) }
    return controls
  }

  /// Who the device is to the guest's unit; `nil` while that does not have it.
  public var requester: RequesterID? { realised.withLock { $0.device?.requester } }

  /// What the host could not be made to do, in words; empty in all ordinary lives.
  public var problems: [String] {
    realised.withLock { $0.device?.backend?.problems.map { "\($0)" } ?? [] }
  }

  /// Whether the device was given back, after which it answers nothing.
  public var hasEnded: Bool { function.withLock { $0 == nil } }
}
