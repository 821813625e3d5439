import Hardware
import VirtualIOMMU

/// Stands between the unit and the backend of a device, and notes each call.
final class WitnessBackend: DeviceBackend {
  private let backend: any DeviceBackend
  private let seams: SeamLog

  init(_ backend: any DeviceBackend, _ seams: SeamLog) {
    self.backend = backend
    self.seams = seams
  }

  func setTranslation(
    _ translation: GuestTranslation, for pasid: PASID?
  ) throws(BackendRefusal) {
    let what =
      switch translation {
      case .passThrough: "pass-through"
      case .firstStage: "first stage"
      }
    try pass("setTranslation(\(what), \(pasid == nil ? "RID" : "PASID"))") {
      () throws(BackendRefusal) in try backend.setTranslation(translation, for: pasid)
    }
  }

  func removeTranslation(of pasid: PASID?) {
    seams.note(.backend, "removeTranslation(\(pasid == nil ? "RID" : "PASID"))")
    backend.removeTranslation(of: pasid)
  }

  func invalidate(
    _ ranges: Span<FirstStageInvalidation>, of pasid: PASID?
  ) throws(BackendRefusal) {
    do {
      try backend.invalidate(ranges, of: pasid)
      seams.note(.backend, "invalidate")
    } catch {
      seams.note(.backend, "invalidate", error: "refused")
      throw error
    }
  }

  func respond(_ response: PageGroupResponse) {
    seams.note(.backend, "respond(\(response.code))")
    backend.respond(response)
  }

  private func pass(
    _ name: String, _ call: () throws(BackendRefusal) -> Void
  ) throws(BackendRefusal) {
    do {
      try call()
      seams.note(.backend, name)
    } catch {
      seams.note(.backend, name, error: "refused")
      throw error
    }
  }
}
