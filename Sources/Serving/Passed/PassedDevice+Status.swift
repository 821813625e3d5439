public import Hardware
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

  /// Who the device is to the guest's unit; `nil` while that does not have it.
  public var requester: RequesterID? { realised.withLock { $0.device?.requester } }

  /// What the host could not be made to do, in words; empty in all ordinary lives.
  public var problems: [String] {
    realised.withLock { $0.device?.backend?.problems.map { "\($0)" } ?? [] }
  }

  /// Whether the device was given back, after which it answers nothing.
  public var hasEnded: Bool { function.withLock { $0 == nil } }
}
