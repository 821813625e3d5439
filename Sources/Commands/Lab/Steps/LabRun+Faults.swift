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
}
