import HostABI
import Hardware
import IOMMU
import PCIe
import Passthrough
import Placement
import SoftHost
import VirtualIOMMU

/// The guest moves to a second host, and notices nothing.
extension VTdLabRun {
  func migrate(_ guest: LabGuest) throws {
    begin(
      .migration, "The guest migrates to a second host",
      ["VMM", "Passthrough", "dirty pages + DeviceState + VTdUnitState", "the second VMM"])
    let source = guest.machine
    guard let first = guest.processes.first, let last = guest.processes.last else { return }
    let untracked = source.passthrough.untracked
    claim(
      .vmm, "tells every page that the device writes",
      untracked.isEmpty ? "yes" : "no", untracked.isEmpty != isBroken(.noDirtyTracking),
      "that the host's unit decides it")
    for table in untracked { tell("\(table)") }

    let (target, backing) = try makeTarget(for: guest)
    try target.realise(
      .node(LabVirtualMachine.devicePath),
      synthesis(on: self.target, at: otherOffset(than: source.device?.synthesis)))
    try target.numberBuses()
    try source.passthrough.trackDirtyPages(true)
    try copyAll(guest, to: backing)
    note(.vmm, "copies all of memory while the guest runs", "\(backing.byteCount >> 20) MiB")

    let text = "written while it moves"
    for process in [first, last] { _ = write(text, to: GuestProcess.text, process.pasid) }
    let dirty = try copyDirty(guest, to: backing)
    let pages = [first.page.rawValue, last.page.rawValue]
    if untracked.isEmpty {
      claim(
        .vmm, "asks which pages devices wrote",
        "\(dirty.count) pages, what PASID \(first.pasid.rawValue) and \(last.pasid.rawValue) wrote "
          + "among them", pages.allSatisfy(dirty.contains), "the two pages that were written")
    } else {
      try copyAll(guest, to: backing)
      note(.vmm, "copies all of memory again", "as any page may have been written")
    }
    guard try takeOver(source, target) else {
      try showWrite("still here", first, guest, "on the first host")
      target.unplug()
      report.facts.migration = LabFacts.Migration(
        dirtyPages: dirty.count, attachedPASIDs: 0, isDone: false)
      return
    }
    let command = source.function.read(4, .word)
    let saved = source.unit.save()
    source.unplug()
    let left = endpoint.attachedPASIDCount
    move(guest, to: target, backing)
    try target.unit.restore(saved)
    target.function.write(command, 4, .word)
    report.facts.migration = LabFacts.Migration(
      dirtyPages: dirty.count, attachedPASIDs: endpoint.attachedPASIDCount, isDone: true)
    claim(
      .unit, "takes its state over, attaches PASIDs",
      "\(endpoint.attachedPASIDCount) PASIDs here, \(left) there",
      endpoint.attachedPASIDCount == options.pasidCount && left == 0,
      "\(options.pasidCount) PASIDs here, 0 there")
    try showArrival(text, first, last, guest)
  }

  /// The device's state goes over, if the guest finds the same bytes there.
  private func takeOver(_ source: LabVirtualMachine, _ target: LabVirtualMachine) throws -> Bool {
    guard let state = source.device?.state() else { return false }
    do throws(RestoreError) {
      let changes = try target.device?.restore(state)
      claim(
        .vmm, "gives the second host the device's state",
        "\(state.layout.fields.count) fields agree, \(changes?.count ?? 0) registers change",
        !isBroken(.otherLayout), "a refusal, since the capability is elsewhere")
      return true
    } catch {
      guard isBroken(.otherLayout), case .layout = error else { throw error }
      claim(.vmm, "gives the second host the device's state", "refused, by the bytes", true, "")
      tell("\(error)")
      return false
    }
  }

  /// The device goes on where it was, and so does the guest's driver.
  private func showArrival(
    _ text: String, _ first: GuestProcess, _ last: GuestProcess, _ guest: LabGuest
  ) throws {
    let (result, found) = read(GuestProcess.text, last.pasid)
    claim(
      .device, "PASID \(last.pasid.rawValue): read on the second host",
      "\(result.word), \"\(found)\"", result == .done && found == text, "\"\(text)\"")
    try showWrite("on the second host", first, guest, "its page has moved along")
    guard let device = guest.device else { return }
    try first.table.unmap(GuestProcess.text)
    try guest.driver.unmapped(GuestProcess.text, first.pasid, of: device)
    let refused = read(GuestProcess.text, first.pasid).0
    claim(
      .guest, "unmaps and invalidates, as before", "the device meets \(refused.word)",
      refused.vtdReason == .firstStageNotPresent, "fault 0x71")
  }

  /// A place that the second host is made to use instead.
  private func otherOffset(than decision: SynthesisDecision?) -> Int? {
    guard isBroken(.otherLayout), let offset = decision?.offset else { return nil }
    return decision?.alternatives.first { $0.offset != offset }?.offset ?? offset - 0x20
  }

  /// Copies guest memory whole, a MiB at a time.
  private func copyAll(_ guest: LabGuest, to backing: GuestBacking) throws {
    let step: UInt64 = 1 << 20
    for offset in stride(from: 0, to: backing.byteCount, by: Int(step)) {
      try copy(guest, offset, min(step, backing.byteCount - offset), to: backing)
    }
  }

  /// Copies the pages that devices have written since the last time.
  private func copyDirty(_ guest: LabGuest, to backing: GuestBacking) throws -> Set<UInt64> {
    var pages: Set<UInt64> = []
    try guest.machine.passthrough.forEachDirtyRun { run in
      var page = run.lowerBound.rawValue
      while page <= run.upperBound.rawValue {
        pages.insert(page)
        page += GuestMemory.pageSize
      }
    }
    for page in pages {
      try copy(guest, page - guest.memory.start.rawValue, GuestMemory.pageSize, to: backing)
    }
    return pages
  }

  private func copy(
    _ guest: LabGuest, _ offset: UInt64, _ count: UInt64, to backing: GuestBacking
  ) throws {
    let from = guest.memory.backing
    try backing.kernel.store(
      try from.kernel.load(from.address + offset, Int(count)), backing.address + offset)
  }
}
