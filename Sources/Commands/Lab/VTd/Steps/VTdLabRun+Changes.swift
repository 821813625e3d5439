import HostABI
import Hardware
import Passthrough
import SoftHost
import VirtualIOMMU

/// A PASID changes hands, and the end.
extension VTdLabRun {
  /// A PASID gets another table, without a moment in which it has none.
  func replaceTable(_ guest: LabGuest) throws {
    begin(.replace, "A PASID gets another process's table", Self.unitWay)
    guard let old = guest.processes.last, let device = guest.device else { return }
    let (pasid, before) = (old.pasid, kernel.table(of: old.pasid.rawValue))
    let process = try guest.makeProcess(pasid)
    if isBroken(.refusedReplace) {
      guest.machine.refusing.refuse(VFIODeviceRequest.attach.rawValue, with: .ENOMEM)
      try guest.driver.set(process.table, for: pasid, of: device)
      showRefusal(guest, pasid, keepsOld: true)
      try showWrite("to the process before", old, guest, "it keeps its old table")
      note(.guest, "tells the unit once more", "the host has memory again")
    }
    try guest.driver.set(process.table, for: pasid, of: device)
    guest.processes[guest.processes.count - 1] = process
    let after = kernel.table(of: pasid.rawValue)
    claim(
      .guest, "PASID \(pasid.rawValue): entry with table \(process.table.root.rawValue.hex)",
      "HWPT \(after ?? 0) in the place of HWPT \(before ?? 0)",
      after != nil && after != before && endpoint.attachedPASIDCount == options.pasidCount,
      "another table of the host's")
    try showWrite("to another process", process, guest, "it has its new table")
  }

  /// A process ends; its PASID goes to the next one.
  func detachPASID(_ guest: LabGuest) throws {
    begin(.detach, "A process ends, and its PASID goes to the next one", Self.unitWay)
    guard let old = guest.processes.last, let device = guest.device else { return }
    let pasid = old.pasid
    try guest.driver.clear(pasid, of: device)
    let result = read(GuestProcess.text, pasid).0
    claim(
      .device, "PASID \(pasid.rawValue): read after its entry was cleared", result.word,
      result == .blocked && endpoint.attachedPASIDCount == options.pasidCount - 1,
      DMAResult.blocked.word)
    let process = try guest.makeProcess(pasid)
    guest.processes[guest.processes.count - 1] = process
    try guest.driver.set(process.table, for: pasid, of: device)
    try showWrite("to the next process", process, guest, "it has a table again")
  }

  /// The device writes with a PASID, and the process's page has it.
  func showWrite(
    _ text: String, _ process: GuestProcess, _ guest: LabGuest, _ why: String
  ) throws {
    let result = write(text, to: GuestProcess.text, process.pasid)
    let found = try guest.memory.text(process.textPlace, Self.textSize)
    claim(
      .device, "PASID \(process.pasid.rawValue): write, \(why)",
      "\(result.word); \(process.textPlace.rawValue.hex) holds \"\(found)\"",
      result == .done && found == text, "\"\(text)\" in the process's page")
  }

  /// The VMM takes the device away.
  func unplug(_ guest: LabGuest) {
    begin(.close, "Unplugged and closed: nothing is left", Self.controlWay)
    guest.machine.unplug()
    let table = kernel.table(of: 0)
    claim(
      .vmm, "unplug the device", "\(endpoint.attachedPASIDCount) PASIDs attached",
      endpoint.attachedPASIDCount == 0 && (table == nil || isBroken(.mdev)), "none, nor the RID")
  }

  private static var controlWay: [String] {
    ["VMM", "Passthrough", "IOMMUClient", "HostKernel", "SoftHost"]
  }

  /// Looks at what the hosts still have, after the VMM has let go of everything.
  func showEnd() {
    if report.steps.last?.name != .close {
      begin(.close, "Closed: nothing is left", Self.controlWay)
    }
    let hosts = [lab.host, target.host]
    let end = LabFacts.End(
      attachedPASIDs: hosts.reduce(0) { $0 + $1.endpoints[0].attachedPASIDCount },
      openContexts: hosts.reduce(0) { $0 + $1.openContextCount },
      chargedPages: hosts.reduce(0) { $0 + $1.chargedPageCount })
    report.facts.end = end
    claim(
      .vmm, "close everything, on both hosts",
      "\(end.openContexts) contexts open, \(end.chargedPages) pages charged",
      end.openContexts == 0 && end.chargedPages == 0 && end.attachedPASIDs == 0,
      "0 contexts open, 0 pages charged")
  }
}
