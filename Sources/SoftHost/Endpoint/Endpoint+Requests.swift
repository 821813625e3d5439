package import Hardware
import IOMMU
import Synchronization

/// Who makes a request of an endpoint, and how.
package struct EndpointRequester: Hashable, Sendable {
  /// The PASID, or none.
  package var pasid: PASID?
  /// Privilege or execution.
  package var mode: DMAAccess
  /// The ``Endpoint/epoch`` that the request belongs to; `nil` for one of any.
  package var epoch: UInt64?
  /// Whether the unit reports faults; it does not when the device asked through ATS first.
  package var reportsFaults: Bool

  /// Names a requester.
  package init(
    _ pasid: PASID? = nil, _ mode: DMAAccess = [], epoch: UInt64? = nil,
    reportsFaults: Bool = true
  ) {
    self.pasid = pasid
    self.mode = mode
    self.epoch = epoch
    self.reportsFaults = reportsFaults
  }
}

extension Endpoint {
  /// A number that requests may name, so that they are blocked when it is no longer this one.
  package var epoch: UInt64 { state.withLock { $0.epoch } }

  /// Ends the epoch, and waits for the requests that were let through before.
  package func advanceEpoch() {
    state.withLock { $0.epoch &+= 1 }
    unit.drain()
  }

  /// Takes the answers to page requests from now on, instead of ``takeResponses()``.
  ///
  /// - Parameter handler: Called under the host's lock: it must not call back.
  package func setResponseHandler(_ handler: @escaping @Sendable (EndpointPageResponse) -> Void) {
    state.withLock { $0.responseHandler = handler }
  }
}
