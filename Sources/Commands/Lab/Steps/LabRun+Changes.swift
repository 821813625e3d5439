import Hardware
import IOMMU
import IOMMUClient
import SoftHost

extension LabRun {
  /// The guest moves a page and forgets to say so; then it says so.
  func forgetInvalidation(_ machine: LabMachine) throws {
    begin(
      .invalidation, "The guest moves a page, and forgets the invalidation",
      ["guest memory", "VMM", "IOMMUClient", "HostKernel", "SoftHost", "IOTLB"])
    guard let process = machine.processes.first, let hwpt = process.hwpt else { return }
    let (address, pasid) = (GuestProcess.text, process.pasid)
    let stalePlace = process.textPlace
    // The device has used the address, so the unit has it cached.
    _ = read(address, pasid)
    endpoint.unit.forgetStaleHits()

    let page = machine.pages.take()
    try process.table.map(address, to: page, &machine.pages)
    let oldPage = process.page
    process.page = page
    note(
      .guest, "moves \(address.rawValue.hex), and says nothing",
      "PASID \(pasid.rawValue), page \(oldPage.rawValue.hex) to \(page.rawValue.hex)")

    let text = "after the move"
    let result = write(text, to: address, pasid)
    let stale = try machine.memory.text(stalePlace, Self.textSize)
    let hits = endpoint.unit.staleHitCount
    claim(
      .device, "PASID \(pasid.rawValue): write to the page",
      "\(result.word); the old page holds \"\(stale)\"",
      result == .done && stale == text, "\"\(text)\" in the old page, as the unit has it cached")
    claim(
      .host, "used, although the tables say otherwise", "\(hits) cached translation",
      hits == 1 && endpoint.unit.staleHits.first?.pasid == pasid, "1 cached translation")

    let handled = try hwpt.hwpt.invalidate([
      VTdInvalidationRange(address: IOVA(address.rawValue & ~0xFFF), pageCount: 1, leavesOnly: true)
    ])
    note(
      .vmm, "invalidate \((address.rawValue & ~0xFFF).hex) of HWPT \(hwpt.id)",
      "\(handled) range handled")
    let again = write(text, to: address, pasid)
    let found = try machine.memory.text(process.textPlace, Self.textSize)
    let more = endpoint.unit.staleHitCount - hits
    claim(
      .device, "PASID \(pasid.rawValue): write again",
      "\(again.word); the new page holds \"\(found)\"",
      again == .done && found == text && more == 0,
      "\"\(text)\" in the new page, and no stale translation")
    report.facts.invalidation = LabFacts.Invalidation(
      pasid: pasid.rawValue, address: address.rawValue, oldPage: oldPage.rawValue,
      newPage: page.rawValue, staleText: stale, staleHits: hits, staleHitsAfter: more, text: found)
  }

  /// A PASID gets another process; then everything is taken apart.
  func takeApart(_ machine: LabMachine) throws {
    begin(.close, "Replaced, detached, closed: nothing is left", Self.controlWay)
    guard let last = machine.processes.last else { return }
    try replace(last, machine)
    for process in machine.processes { try machine.device.detach(process.pasid) }
    try machine.device.detach()
    let blocked = machine.processes.count { read(GuestProcess.text, $0.pasid).0 == .blocked }
    let requester = read(IOVA(machine.memory.start.rawValue), nil).0
    claim(
      .vmm, "detach every PASID, then the RID",
      "\(blocked) of \(pasidCount) PASIDs blocked, the RID \(requester.name)",
      endpoint.attachedPASIDCount == 0 && blocked == machine.processes.count
        && requester == .blocked, "all of them blocked")
  }

  /// A PASID is given to another process, without a moment in which it has no table.
  private func replace(_ old: GuestProcess, _ machine: LabMachine) throws {
    let process = try GuestProcess(old.pasid, in: machine.memory, &machine.pages)
    let hwpt = try nest(process, machine)
    process.hwpt = hwpt
    try machine.device.replace(old.pasid, with: hwpt.hwpt)
    machine.processes[machine.processes.count - 1] = process
    let text = "another process"
    let result = write(text, to: GuestProcess.text, old.pasid)
    let found = try machine.memory.text(process.textPlace, Self.textSize)
    claim(
      .vmm, "PASID \(old.pasid.rawValue): replace by HWPT \(hwpt.id), another process",
      "a write reaches its page \(process.page.rawValue.hex)",
      result == .done && found == text, "\"\(text)\" in the new process's page")
  }

  /// Looks at what the host still has, after the VMM has let go of everything.
  func showEnd() {
    let end = LabFacts.End(
      attachedPASIDs: endpoint.attachedPASIDCount, openContexts: host.openContextCount,
      chargedPages: host.chargedPageCount)
    report.facts.end = end
    claim(
      .vmm, "close everything",
      "\(end.openContexts) contexts open, \(end.chargedPages) pages charged",
      end.openContexts == 0 && end.chargedPages == 0 && end.attachedPASIDs == 0,
      "0 contexts open, 0 pages charged")
  }
}
