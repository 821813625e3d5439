import HostABI
import Hardware
import IOMMUClient
import SoftHost

extension LabRun {
  /// A first-stage table for each PASID, in guest memory, nested on the second stage.
  func makeTables(_ machine: LabMachine) throws {
    begin(
      .tables, "The guest makes a table for each process, the VMM attaches it",
      ["guest memory"] + Self.controlWay)
    note(
      .guest, "maps \(GuestProcess.text.rawValue.hex) in every process",
      "tables of \(GuestPageTable.levels) levels")
    for number in 1...pasidCount {
      guard let pasid = PASID(rawValue: UInt32(number)) else { continue }
      let process = try GuestProcess(pasid, in: machine.memory, &machine.pages)
      let hwpt = try nest(process, machine)
      try machine.device.attach(pasid, to: hwpt.hwpt)
      process.hwpt = hwpt
      machine.processes.append(process)
      report.facts.processes.append(
        LabFacts.Process(
          pasid: pasid.rawValue, table: process.table.root.rawValue, pageTable: hwpt.id,
          address: GuestProcess.text.rawValue, guestAddress: process.textPlace.rawValue))
      note(
        .vmm,
        "PASID \(pasid.rawValue): nest its table \(process.table.root.rawValue.hex), attach",
        "HWPT \(hwpt.id); leads to \(process.textPlace.rawValue.hex)")
    }
    let attached = machine.device.attachedPASIDs.map(\.rawValue)
    claim(
      .host, "PASIDs of the device that have tables", "\(endpoint.attachedPASIDCount)",
      endpoint.attachedPASIDCount == pasidCount && attached.count == pasidCount, "\(pasidCount)")
    let pages = Set(machine.processes.map(\.page))
    claim(
      .guest, "the same address leads to", "\(pages.count) different guest pages",
      pages.count == pasidCount, "\(pasidCount) different guest pages")
  }

  /// Nests a process's table on the second stage, without or with a queue for page requests.
  func nest(
    _ process: GuestProcess, _ machine: LabMachine, faults: LabFaultQueue? = nil
  ) throws -> NestedTable {
    let stage = GuestStage1.vtd(VTdFirstStage(tableAddress: process.table.root))
    guard let faults else {
      return NestedTable(
        try machine.parent.makeNestedTable(for: machine.device, stage, options: .pasid))
    }
    return NestedTable(
      try machine.parent.makeNestedTable(
        for: machine.device, stage, options: .pasid, faults: faults.queue))
  }
}
