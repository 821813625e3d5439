import Hardware
import IOMMU
import IOMMUClient
import SoftHost

extension LabRun {
  /// The device asks for pages: one comes, one does not.
  func requestPages(_ machine: LabMachine) throws {
    begin(
      .pageRequests, "The device asks for a page that is not there yet",
      ["device", "SoftHost", "fault queue", "VMM", "guest", "VMM", "SoftHost", "device"])
    guard let process = machine.processes.first else { return }
    let faults = LabFaultQueue(try FaultQueue(in: machine.context))
    machine.faults = faults
    let hwpt = try nest(process, machine, faults: faults)
    try machine.device.replace(process.pasid, with: hwpt.hwpt)
    process.hwpt = hwpt
    note(
      .vmm, "PASID \(process.pasid.rawValue): replace by a table with a queue",
      "HWPT \(hwpt.id), queue \(faults.queue.id)")

    try request(GuestProcess.onDemand, group: 7, process, machine) {
      let page = machine.pages.take()
      try process.table.map(GuestProcess.onDemand, to: page, &machine.pages)
      self.note(
        .guest, "maps \(GuestProcess.onDemand.rawValue.hex)", "to guest page \(page.rawValue.hex)")
      return .success
    }
    try request(GuestProcess.hole, group: 8, process, machine) { .invalid }
  }

  /// One page request from the fault to the next try.
  private func request(
    _ address: IOVA, group: UInt16, _ process: GuestProcess, _ machine: LabMachine,
    _ decide: () throws -> PageResponse
  ) throws {
    guard let faults = machine.faults else { return }
    let pasid = process.pasid
    let text = "a page on demand"
    let first = write(text, to: address, pasid)
    var isCurable = false
    if case .fault(let fault, doneBytes: _) = first { isCurable = fault.isCurable }
    let isTaken = host.send(
      EndpointPageRequest(address, pasid: pasid, .write, group: group), from: endpoint)
    claim(
      .device, "PASID \(pasid.rawValue): write to \(address.rawValue.hex)", first.word, isCurable,
      "a fault that a page request can cure")
    claim(
      .device, "ask for the page, as group \(group)", isTaken ? "sent" : "refused", isTaken,
      "the host to take page requests")

    let isReadable = try faults.queue.isReadable()
    let groups = isReadable ? try faults.queue.readGroups() : []
    guard let found = groups.first, let request = found.requests.first else {
      claim(.vmm, "read the queue", "no group", false, "the device's group")
      return
    }
    claim(
      .vmm,
      "read the queue: group \(found.groupIndex), PASID "
        + (found.pasid.map { "\($0.rawValue)" } ?? "none"),
      "\(request.access.word) \(request.address.rawValue.hex), cookie \(found.cookie)",
      groups.count == 1 && found.groupIndex == UInt32(group) && found.pasid == pasid
        && request.address.rawValue == address.rawValue & ~0xFFF && request.access == .write,
      "the device's group \(group): write \(address.rawValue.hex)")

    let answer = try decide()
    try faults.queue.respond(to: found, answer)
    let responses = endpoint.takeResponses()
    let code = responses.first.map { $0.code == .success ? "success" : "invalid" } ?? "nothing"
    let retry = write(text, to: address, pasid)
    claim(
      .vmm, "answer group \(found.groupIndex): \(answer)",
      "the device hears \(code)",
      responses.count == 1 && responses.first?.group == group && code == "\(answer)",
      "the device hears \(answer)")
    if answer == .success {
      let entry = try process.table.walk(address).last?.value ?? 0
      let stored = try machine.memory.text(GuestPageTable.target(entry), Self.textSize)
      claim(
        .device, "write again", "\(retry.word); the page holds \"\(stored)\"",
        retry == .done && stored == text, "\"\(text)\" in the page")
    } else {
      claim(.device, "write again", retry.word, retry == first, first.word)
    }
    report.facts.pageRequests.append(
      LabFacts.PageRequest(
        pasid: pasid.rawValue, address: request.address.rawValue, group: found.groupIndex,
        cookie: found.cookie, answer: code, retry: retry.name))
  }
}
