import Hardware
import IOMMU
import Passthrough
import SoftHost
import VirtualIOMMU

/// The device asks for pages, and the guest answers.
extension VTdLabRun {
  func requestPages(_ guest: LabGuest) throws {
    begin(
      .pageRequests, "The device asks for a page that is not there yet",
      [
        "device", "SoftHost", "HostKernel", "VMM", "VTdUnit", "guest", "VTdUnit", "DeviceBackend",
        "HostKernel", "device",
      ])
    guard let process = guest.processes.first, let decision = guest.machine.device?.synthesis
    else { return }
    guard decision.pageRequests.isShown else { return try goWithout(process, decision) }
    if isBroken(.fullPageRequestQueue) { try fillQueue(process, guest) }
    try request(GuestProcess.onDemand, group: 7, process, guest, isThere: true)
    try request(GuestProcess.hole, group: 8, process, guest, isThere: false)
  }

  /// A device without page requests: its fault stays a fault.
  private func goWithout(_ process: GuestProcess, _ decision: SynthesisDecision) throws {
    let result = write("a page on demand", to: GuestProcess.onDemand, process.pasid)
    claim(
      .device, "PASID \(process.pasid.rawValue): write to \(GuestProcess.onDemand.rawValue.hex)",
      result.word, result.vtdReason == .firstStageNotPresent, "a fault")
    let reasons = decision.pageRequests.reasons
    if isBroken(.noPageRequests) {
      claim(
        .guest, "sees no page requests", reasons.map(\.name).joined(separator: ", "),
        reasons == [.hostDisabledPRI], SynthesisReason.hostDisabledPRI.name)
    } else {
      note(.guest, "sees no page requests", reasons.map(\.name).joined(separator: ", "))
    }
    for reason in reasons { tell("\(LabVirtualMachine.deviceName): PRI: none: \(reason)") }
  }

  /// One page request from the fault to the next try.
  private func request(
    _ address: IOVA, group: UInt16, _ process: GuestProcess, _ guest: LabGuest, isThere: Bool
  ) throws {
    let pasid = process.pasid
    let text = "a page on demand"
    let first = write(text, to: address, pasid)
    var isCurable = false
    if case .fault(let fault, doneBytes: _) = first { isCurable = fault.isCurable }
    if isThere, isBroken(.fullPageRequestQueue) {
      note(.device, "PASID \(pasid.rawValue): write to \(address.rawValue.hex)", first.word)
    } else {
      claim(
        .device, "PASID \(pasid.rawValue): write to \(address.rawValue.hex)", first.word, isCurable,
        "a fault that a page request can cure")
    }
    guard isCurable else { return }
    let isTaken = guest.machine.host.send(
      EndpointPageRequest(address, pasid: pasid, .write, group: group), from: endpoint)
    claim(
      .device, "asks for the page, as group \(group)", isTaken ? "sent" : "refused", isTaken,
      "the host to take page requests")
    let count = try guest.machine.deliverPageRequests()
    let interrupts = guest.machine.interrupts.take()
    claim(
      .vmm, "passes on what its queue has", "\(count) request, the guest's unit has it",
      count == 1 && interrupts.contains(.pageRequest), "1 request, and an interrupt for the guest")

    let found = try guest.driver.takeRequests().requests
    guard let request = found.first else {
      return claim(.guest, "reads its queue", "nothing", false, "the device's request")
    }
    claim(
      .guest, "reads its queue: group \(request.group), PASID \(request.pasid)",
      "\(request.isWrite ? "write" : "read") \(request.address.rawValue.hex)",
      found.count == 1 && request.group == group && request.pasid == pasid.rawValue
        && request.address.rawValue == address.rawValue & ~0xFFF && request.isLast
        && request.source == guest.device?.source, "the device's group \(group)")
    try answer(request, process, guest, isThere: isThere)
    try retry(text, request, process, guest, isThere: isThere, first: first)
  }

  private func answer(
    _ request: GuestRequest, _ process: GuestProcess, _ guest: LabGuest, isThere: Bool
  ) throws {
    if isThere {
      let page = guest.driver.pages.take()
      try process.table.map(request.address, to: page, &guest.driver.pages)
      note(
        .guest, "maps \(request.address.rawValue.hex)", "to guest page \(page.rawValue.hex)")
    }
    try guest.driver.respond(to: request, isThere: isThere)
  }

  private func retry(
    _ text: String, _ request: GuestRequest, _ process: GuestProcess, _ guest: LabGuest,
    isThere: Bool, first: DMAResult
  ) throws {
    let responses = endpoint.takeResponses()
    let code = responses.first.map { $0.code == .success ? "success" : "invalid" } ?? "nothing"
    let wanted = isThere ? "success" : "invalid"
    claim(
      .guest, "queues its answer to group \(request.group): \(wanted)", "the device hears \(code)",
      responses.count == 1 && responses.first?.group == request.group && code == wanted,
      "the device hears \(wanted)")
    let retry = write(text, to: request.address, process.pasid)
    if isThere {
      let entry = try process.table.walk(request.address).last?.value ?? 0
      let stored = try guest.memory.text(GuestPageTable.target(entry), Self.textSize)
      claim(
        .device, "write again", "\(retry.word); the page holds \"\(stored)\"",
        retry == .done && stored == text, "\"\(text)\" in the page")
    } else {
      claim(.device, "write again", retry.word, retry == first, first.word)
    }
    report.facts.pageRequests.append(
      LabFacts.PageRequest(
        pasid: process.pasid.rawValue, address: request.address.rawValue,
        group: UInt32(request.group), cookie: nil, answer: code, retry: retry.name))
  }

  /// More requests than the guest's queue takes, while the guest looks elsewhere.
  private func fillQueue(_ process: GuestProcess, _ guest: LabGuest) throws {
    let count = 130
    for group in 0..<UInt16(count) {
      _ = guest.machine.host.send(
        EndpointPageRequest(
          GuestProcess.onDemand, pasid: process.pasid, .write, group: 100 + group), from: endpoint)
      _ = try guest.machine.deliverPageRequests()
    }
    // One entry of 128 stays empty, and what came later was answered by the unit: try again.
    let early = endpoint.takeResponses()
    claim(
      .unit, "\(count) requests, and nobody reads the queue",
      "full: PRO is set; \(early.count) were told to try again",
      early.count == count - 127 && early.allSatisfy { $0.code == .success },
      "127 in the queue, the rest told to try again")
    for event in guest.machine.unit.takeEvents() { tell("\(event)") }
    _ = guest.machine.interrupts.take()
    let (found, overflowed) = try guest.driver.takeRequests()
    claim(
      .guest, "reads its queue, clears PRO", "\(found.count) requests",
      found.count == 127 && overflowed, "127 requests, and the overflow")
    for request in found { try guest.driver.respond(to: request, isThere: true) }
    let late = endpoint.takeResponses()
    claim(
      .device, "hears the answers", "\(late.count)", late.count == found.count, "\(found.count)")
  }
}
