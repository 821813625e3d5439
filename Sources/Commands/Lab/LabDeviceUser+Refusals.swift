import Hardware
import IOMMU
import SoftHost

extension LabDeviceUser {
  /// Makes a request that is to be refused, for a reason or because nothing is attached.
  func refuse(
    _ name: String, _ what: String, _ address: IOVA, _ pasid: PASID, _ access: DMAAccess,
    _ reason: VTdFaultReason?
  ) {
    let isWrite = access.contains(.write)
    let result =
      isWrite ? write("never to be seen", to: address, pasid) : read(address, pasid).0
    var fault: TranslationFault?
    if case .fault(let found, doneBytes: 0) = result { fault = found }
    var code: VTdFaultReason?
    if case .vtd(let found) = fault?.reason { code = found }
    report.facts.faults.append(
      LabFacts.Fault(
        name: name, pasid: pasid.rawValue, address: address.rawValue,
        access: isWrite ? "write" : "read", result: result.name,
        reason: code.map { Int($0.rawValue) }, meaning: code?.meaning ?? result.word,
        stage: fault.map { Int($0.stage.rawValue) }, isCurable: fault?.isCurable))
    let holds = reason.map { code == $0 } ?? (result == .blocked)
    claim(
      .device, "PASID \(pasid.rawValue): \(what)", result.word, holds,
      reason.map { "fault \($0.rawValue.hex): \($0.meaning)" } ?? DMAResult.blocked.word)
  }
}
