import IOMMUClient
import Hardware
import IOMMU
import SoftHost

extension LabRun {
  /// Every way in which a request can be refused.
  func meetFaults(_ machine: LabMachine) throws {
    begin(.faults, "What the device may not do", Self.deviceWay)
    guard let process = machine.processes.first, let last = machine.processes.last else { return }
    let pasid = process.pasid
    refuse(
      "unmapped", "read what is not mapped", GuestProcess.hole, pasid, .read,
      .firstStageNotPresent)
    refuse(
      "readOnly", "write to a read-only page", GuestProcess.readOnly, pasid, .write,
      .writeDenied)
    refuse(
      "foreign", "read what the guest does not have", GuestProcess.foreign, pasid, .read,
      .secondStagePermission)
    if let unknown = PASID(rawValue: UInt32(pasidCount + 1)) {
      refuse(
        "unattached", "read with a PASID without a table", GuestProcess.text, unknown, .read, nil)
    }
    try machine.device.detach(last.pasid)
    refuse(
      "detached", "read after the VMM detached it", GuestProcess.text, last.pasid, .read, nil)
    if let hwpt = last.hwpt { try machine.device.attach(last.pasid, to: hwpt.hwpt) }
    let (result, text) = read(GuestProcess.text, last.pasid)
    let expected = report.facts.processes.last?.text ?? ""
    claim(
      .device, "PASID \(last.pasid.rawValue): read after attaching it again",
      "\(result.word), \"\(text)\"", result == .done && text == expected, "\"\(expected)\"")
  }

  /// Makes a request that is to be refused, for a reason or because nothing is attached.
  private func refuse(
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
