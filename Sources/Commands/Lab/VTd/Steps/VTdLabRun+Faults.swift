import Hardware
import IOMMU
import SoftHost
import VirtualIOMMU

/// What the device may not do, and what the guest is told of its tables.
extension VTdLabRun {
  func meetFaults(_ guest: LabGuest) throws {
    begin(.faults, "What the device may not do, and what the guest may not write", Self.deviceWay)
    guard let process = guest.processes.first, let device = guest.device,
      let next = PASID(rawValue: UInt32(options.pasidCount + 1))
    else { return }
    let pasid = process.pasid
    refuse(
      "unmapped", "read what is not mapped", GuestProcess.hole, pasid, .read,
      .firstStageNotPresent)
    refuse(
      "readOnly", "write to a read-only page", GuestProcess.readOnly, pasid, .write, .writeDenied)
    refuse(
      "foreign", "read what the guest does not have", GuestProcess.foreign, pasid, .read,
      .secondStagePermission)
    refuse(
      "unattached", "read with a PASID without a table", GuestProcess.text, next, .read, nil)

    // Bit 10 of a PASID entry is reserved.
    try guest.driver.write(
      [1 | 1 << 6 | 1 << 10, GuestDriver.domain, process.table.root.rawValue], for: next.rawValue,
      of: device)
    _ = guest.machine.interrupts.take()
    try guest.driver.tell(of: next, of: device)
    let interrupts = guest.machine.interrupts.take()
    let faults = guest.driver.readFaults()
    report.facts.unitFaults = faults.map {
      LabFacts.UnitFault(reason: Int($0.reason), source: $0.source, pasid: $0.pasid)
    }
    let isExpected =
      faults.count == 1 && faults.first?.reason == VTdFaultReason.pasidEntryReserved.rawValue
      && faults.first?.source == device.source && faults.first?.pasid == next.rawValue
    claim(
      .unit, "PASID \(next.rawValue): entry with a reserved bit",
      "recorded as \(faults.first.map { "fault \($0.reason.hex)" } ?? "nothing"), "
        + (interrupts.contains(.fault) ? "interrupt" : "no interrupt"),
      isExpected && interrupts.contains(.fault), "fault 0x5a, and an interrupt")
    for event in guest.machine.unit.takeEvents() { tell("\(event)") }
    claim(
      .guest, "reads and clears the recording register",
      faults.first.map { "source \($0.source.hex(digits: 4))" } ?? "empty",
      guest.driver.readFaults().isEmpty, "nothing to be left")
    try guest.driver.clear(next, of: device)
  }
}
