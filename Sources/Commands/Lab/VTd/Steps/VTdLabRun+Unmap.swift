import HostABI
import Hardware
import IOMMU
import SoftHost
import VirtualIOMMU

/// The guest takes a page away that the device has used.
extension VTdLabRun {
  func unmap(_ guest: LabGuest) throws {
    begin(
      .invalidation,
      isBroken(.forgottenInvalidation)
        ? "The guest unmaps a page, and forgets the invalidation"
        : "The guest unmaps a page, and tells of it", Self.unitWay + ["IOTLB"])
    guard let process = guest.processes.first, let device = guest.device else { return }
    let (address, pasid) = (GuestProcess.text, process.pasid)
    let oldPlace = process.textPlace
    let oldPage = process.page
    // The device has used the address, so the unit has it cached.
    _ = read(address, pasid)
    endpoint.unit.forgetStaleHits()
    try process.table.unmap(address)
    note(
      .guest, "unmaps \(address.rawValue.hex)",
      "PASID \(pasid.rawValue), page \(oldPage.rawValue.hex)")
    var stale = (text: "", hits: 0)
    if isBroken(.forgottenInvalidation) {
      stale = try useStale(process, oldPlace, guest)
    } else if isBroken(.refusedInvalidation) {
      try refuseInvalidation(process, guest, device)
    } else if isBroken(.wrongDescriptor) {
      try queueWrongDescriptor(guest)
    }
    try guest.driver.unmapped(address, pasid, of: device)
    let after = endpoint.unit.staleHitCount
    let result = write("never to be seen", to: address, pasid)
    claim(
      .device, "PASID \(pasid.rawValue): write after the invalidation", result.word,
      result.vtdReason == .firstStageNotPresent && endpoint.unit.staleHitCount == after,
      "fault 0x71, and no stale translation")

    let page = guest.driver.pages.take()
    try process.table.map(address, to: page, &guest.driver.pages)
    process.page = page
    let text = "after the move"
    let again = write(text, to: address, pasid)
    let found = try guest.memory.text(process.textPlace, Self.textSize)
    claim(
      .device, "PASID \(pasid.rawValue): write, mapped to page \(page.rawValue.hex)",
      "\(again.word); it holds \"\(found)\"", again == .done && found == text,
      "\"\(text)\" in the new page")
    report.facts.invalidation = LabFacts.Invalidation(
      pasid: pasid.rawValue, address: address.rawValue, oldPage: oldPage.rawValue,
      newPage: page.rawValue,
      staleText: stale.hits > 0 ? stale.text : try guest.memory.text(oldPlace, Self.textSize),
      staleHits: stale.hits, staleHitsAfter: endpoint.unit.staleHitCount - after, text: found)
  }

  /// The device uses a translation that the tables no longer hold.
  private func useStale(
    _ process: GuestProcess, _ oldPlace: GuestPhysicalAddress, _ guest: LabGuest
  ) throws -> (text: String, hits: Int) {
    let text = "into a freed page"
    let result = write(text, to: GuestProcess.text, process.pasid)
    let stored = try guest.memory.text(oldPlace, Self.textSize)
    let hits = endpoint.unit.staleHits
    claim(
      .device, "PASID \(process.pasid.rawValue): write to the page",
      "\(result.word); the old page holds \"\(stored)\"", result == .done && stored == text,
      "\"\(text)\" in the old page, as the unit has it cached")
    claim(
      .host, "used, although the tables say otherwise", "\(hits.count) cached translation",
      hits.count == 1 && hits.first?.pasid == process.pasid, "1 cached translation")
    for hit in hits { tell("\(hit)") }
    note(.guest, "invalidates it after all", "before the page goes to anybody else")
    return (stored, hits.count)
  }

  /// The host refuses, so the unit takes the whole translation away.
  private func refuseInvalidation(
    _ process: GuestProcess, _ guest: LabGuest, _ device: GuestDevice
  ) throws {
    guest.machine.refusing.refuse(IOMMUFDRequest.hwptInvalidate.number, with: .EINVAL)
    try guest.driver.unmapped(GuestProcess.text, process.pasid, of: device)
    let events = guest.machine.unit.takeEvents()
    var isExpected = false
    for case .invalidationRefused(_, process.pasid, _) in events { isExpected = true }
    claim(
      .unit, "PASID \(process.pasid.rawValue): the host refuses the invalidation",
      "its translation is taken away", isExpected, "an event that says so")
    for event in events { tell("\(event)") }
    let result = read(GuestProcess.text, process.pasid).0
    claim(
      .device, "PASID \(process.pasid.rawValue): read what was unmapped", result.word,
      result == .blocked, DMAResult.blocked.word)
    try guest.driver.tell(of: process.pasid, of: device)
    note(
      .guest, "PASID \(process.pasid.rawValue): tells of its entry again",
      kernel.table(of: process.pasid.rawValue).map { "HWPT \($0)" } ?? "no table")
  }

  /// A descriptor with a reserved bit stops the queue, and the driver mends it.
  private func queueWrongDescriptor(_ guest: LabGuest) throws {
    let wrong = GuestDescriptor(GuestDescriptor.pasidCache(1).low | 1 << 7)
    var error: UInt64?
    do {
      try guest.driver.submit([wrong])
    } catch GuestProblem.queueStopped(let code) {
      error = code
    }
    let interrupts = guest.machine.interrupts.take()
    claim(
      .unit, "descriptor \(wrong.low.hex)",
      error.map { "the queue stops: IQE, error \($0), interrupt" } ?? "taken",
      error == 4 && interrupts.contains(.fault), "a stopped queue, and an interrupt")
    for event in guest.machine.unit.takeEvents() { tell("\(event)") }
    let isDone = try guest.driver.repairQueue()
    claim(
      .guest, "writes a wait in its place, clears IQE", isDone ? "the queue goes on" : "stopped",
      isDone, "the queue goes on")
  }
}

extension DMAResult {
  /// VT-d's reason for a fault before the first byte.
  var vtdReason: VTdFaultReason? {
    guard case .fault(let fault, doneBytes: 0) = self, case .vtd(let reason) = fault.reason else {
      return nil
    }
    return reason
  }
}
