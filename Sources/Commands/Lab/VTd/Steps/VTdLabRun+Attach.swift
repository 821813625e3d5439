import HostABI
import Hardware
import Passthrough
import SoftHost
import VirtualIOMMU

/// Guest PASIDs become attached tables of the host.
extension VTdLabRun {
  static var unitWay: [String] {
    ["guest", "PASID table + queue", "VTdUnit", "DeviceBackend", "HostKernel", "SoftHost"]
  }

  /// Each process gets a table and a PASID, and the unit is told.
  func attachPASIDs(_ guest: LabGuest) throws {
    begin(.attach, "The guest gives each process a PASID, and tells the unit", Self.unitWay)
    guard let device = guest.device else { return }
    note(
      .guest, "maps \(GuestProcess.text.rawValue.hex) in every process",
      "tables of \(GuestPageTable.levels) levels")
    for number in 1...options.pasidCount {
      guard let pasid = PASID(rawValue: UInt32(number)) else { continue }
      let process = try guest.makeProcess(pasid)
      guest.processes.append(process)
      if number == 1 { try failToAttach(process, guest, device) }
      try guest.driver.set(process.table, for: pasid, of: device)
      let table = kernel.table(of: pasid.rawValue)
      report.facts.processes.append(
        LabFacts.Process(
          pasid: pasid.rawValue, table: process.table.root.rawValue, pageTable: table ?? 0,
          address: GuestProcess.text.rawValue, guestAddress: process.textPlace.rawValue))
      note(
        .guest, "PASID \(number): entry with table \(process.table.root.rawValue.hex)",
        table.map { "HWPT \($0); leads to \(process.textPlace.rawValue.hex)" } ?? "no table")
    }
    let attached = guest.machine.device?.backend?.attachedPASIDs.map(\.rawValue)
    claim(
      .host, "PASIDs of the device that have tables", "\(endpoint.attachedPASIDCount)",
      endpoint.attachedPASIDCount == options.pasidCount
        && attached == guest.processes.map(\.pasid.rawValue), "\(options.pasidCount)")
    if isBroken(.narrowVIOMMU) { try useTooWide(guest, device) }
  }

  /// The first attach goes wrong, if it is to.
  private func failToAttach(
    _ process: GuestProcess, _ guest: LabGuest, _ device: GuestDevice
  ) throws {
    let pasid = process.pasid
    if isBroken(.refusedAttach) {
      guest.machine.refusing.refuse(VFIODeviceRequest.attach.rawValue, with: .ENOMEM)
      try guest.driver.set(process.table, for: pasid, of: device)
      showRefusal(guest, pasid, keepsOld: false)
      let result = read(GuestProcess.text, pasid).0
      claim(
        .device, "PASID \(pasid.rawValue): read", result.word, result == .blocked,
        DMAResult.blocked.word)
      note(.guest, "tells the unit once more", "the host has memory again")
    } else if isBroken(.forgottenAttach) {
      try guest.driver.set(process.table, for: pasid, of: device, telling: false)
      let result = read(GuestProcess.text, pasid).0
      claim(
        .device, "PASID \(pasid.rawValue): read before the unit was told", result.word,
        result == .blocked && endpoint.attachedPASIDCount == 0, DMAResult.blocked.word)
      let events = guest.machine.unit.takeEvents()
      claim(
        .unit, "says of it to the operator", events.isEmpty ? "nothing" : "\(events.count) events",
        events.isEmpty, "nothing: CAP.CM tells guests that entries count when they are told of")
      note(.guest, "tells the unit after all", "as CAP.CM demands")
    }
  }

  /// What the unit says when the host refused a table.
  func showRefusal(_ guest: LabGuest, _ pasid: PASID, keepsOld: Bool) {
    let events = guest.machine.unit.takeEvents()
    var isExpected = false
    for case .refused(_, pasid, let refusal, keepsOld) in events where refusal.errno != nil {
      isExpected = true
    }
    claim(
      .unit, "PASID \(pasid.rawValue): the host refuses",
      keepsOld ? "the table before stays" : "nothing is attached", isExpected && events.count == 1,
      "one event with the host's errno")
    for event in events { tell("\(event)") }
  }

  /// A PASID that the capability does not offer.
  private func useTooWide(_ guest: LabGuest, _ device: GuestDevice) throws {
    guard let process = guest.processes.first,
      let pasid = PASID(rawValue: 1 << UInt32(options.narrowWidth))
    else { return }
    try guest.driver.set(process.table, for: pasid, of: device)
    let result = read(GuestProcess.text, pasid).0
    claim(
      .device, "PASID \(pasid.rawValue): read, as it has an entry too", result.word,
      result == .blocked && endpoint.attachedPASIDCount == options.pasidCount,
      "blocked: more than \(options.narrowWidth) bits")
    for reason in guest.machine.device?.synthesis.reasons ?? [] {
      if case .width = reason { tell("\(LabVirtualMachine.deviceName): PASID: \(reason)") }
    }
  }

  /// What stands where in the guest's tables, for a picture.
  func showTables(_ guest: LabGuest) {
    guard let device = guest.device, let process = guest.processes.first,
      let place = try? guest.driver.place(of: process.pasid.rawValue, of: device)
    else { return }
    func word(_ address: GuestPhysicalAddress) -> UInt64 {
      (try? guest.memory.word(address)) ?? 0
    }
    func entry(_ address: GuestPhysicalAddress) -> LabFacts.Tables.Entry {
      LabFacts.Tables.Entry(address: address.rawValue, value: word(address))
    }
    report.facts.tables = LabFacts.Tables(
      source: device.source, pasid: process.pasid.rawValue, root: guest.driver.root.rawValue,
      rootEntry: entry(device.rootEntry), contextTable: device.contextTable.rawValue,
      contextEntry: entry(device.contextEntry), directory: device.directory.rawValue,
      directoryEntry: entry(device.directoryEntry(of: process.pasid.rawValue)),
      pasidEntry: entry(place), firstStage: process.table.root.rawValue,
      nestedTable: kernel.table(of: process.pasid.rawValue), parent: report.facts.attachment?.table)
  }
}
