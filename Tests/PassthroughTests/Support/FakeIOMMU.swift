import Hardware
import VirtualIOMMU

/// A guest's IOMMU that says what a test wants and notes what it is told.
final class FakeIOMMU: GuestIOMMU {
  var flags: VIOMMUFlags
  var pasidWidth: UInt8
  var honoursExecute = true
  var honoursPrivileged = true
  var supportsATS = true
  var supportsPageRequests = true
  /// What it answers to the next devices.
  var refusal: HostDeviceRefusal?
  /// Whether its guest answers page requests.
  var answers = true
  private(set) var devices: [RequesterID: HostIOMMUDevice] = [:]
  private(set) var requests: [GuestPageRequest] = []

  /// VT-d as a guest with PASIDs needs it.
  static let vtd: VIOMMUFlags = [
    .wantsNestingParent, .supportsPASID, .wantsPASIDAttach, .wantsNestingDirtyTracking,
  ]

  init(_ flags: VIOMMUFlags = FakeIOMMU.vtd, pasidWidth: UInt8 = 20) {
    self.flags = flags
    self.pasidWidth = pasidWidth
  }

  func add(_ device: HostIOMMUDevice, at requester: RequesterID) throws(HostDeviceRefusal) {
    if let refusal { throw refusal }
    if devices[requester] != nil { throw .taken(requester) }
    devices[requester] = device
  }

  func remove(_ requester: RequesterID) { devices[requester] = nil }

  func report(_ request: GuestPageRequest, from requester: RequesterID) -> Bool {
    requests.append(request)
    return answers
  }
}
