import Hardware
import VirtualIOMMU

/// Stands between Passthrough and the guest's unit: puts a witness before each backend, and notes
/// the page requests that come up.
final class WitnessIOMMU: GuestIOMMU {
  private let unit: VTdUnit
  private let seams: SeamLog

  init(_ unit: VTdUnit, _ seams: SeamLog) {
    self.unit = unit
    self.seams = seams
  }

  var flags: VIOMMUFlags { unit.flags }
  var pasidWidth: UInt8 { unit.pasidWidth }
  var honoursExecute: Bool { unit.honoursExecute }
  var honoursPrivileged: Bool { unit.honoursPrivileged }
  var supportsATS: Bool { unit.supportsATS }
  var supportsPageRequests: Bool { unit.supportsPageRequests }

  func add(_ device: HostIOMMUDevice, at requester: RequesterID) throws(HostDeviceRefusal) {
    var device = device
    device.backend = WitnessBackend(device.backend, seams)
    try unit.add(device, at: requester)
  }

  func remove(_ requester: RequesterID) { unit.remove(requester) }

  func report(_ request: GuestPageRequest, from requester: RequesterID) -> Bool {
    let isTaken = unit.report(request, from: requester)
    seams.note(.requests, "report(page request)", error: isTaken ? nil : "not taken")
    return isTaken
  }
}
