import HostABI
import Hardware
import IOMMUClient
import PCIe
import Passthrough
import Placement
import SoftHost
import VirtualIOMMU

/// From the host's device to the guest's.
extension VTdLabRun {
  /// The VMM realises the device behind a root port of the guest.
  ///
  /// - Returns: Whether the guest has it.
  func realise(_ guest: LabGuest) throws -> Bool {
    let machine = guest.machine
    note(
      .vmm, "tell the host of guest memory",
      "\(guest.memory.byteCount >> 20) MiB from guest \(guest.memory.start.rawValue.hex) on")
    note(
      .unit, "asks the host, by its configuration, for", machine.unit.flags.words)
    let refusesDevice = options.breaking?.effect == .refusesDevice
    do {
      try machine.realise(source(lab), synthesis(on: lab))
    } catch let error as RealiseError {
      guard refusesDevice else { throw error }
      showRefusal(error)
      return false
    }
    guard !refusesDevice else {
      claim(.vmm, "realise it", "done", false, "a refusal")
      return false
    }
    guard let decision = machine.device?.synthesis, let attachment = machine.device?.attachment
    else { return false }
    showAttachment(attachment, on: machine)
    show(decision)
    try machine.numberBuses()
    note(
      .guest, "firmware numbers the bus behind the port",
      "\(machine.busNumber); the unit has the device at \(machine.source.hex(digits: 4))")
    tell("\(attachment)")
    for line in "\(decision)".split(separator: "\n") { tell(String(line)) }
    return true
  }

  /// Where the VMM has the device from.
  private func source(_ lab: LabHost) -> DeviceRequest.Source {
    isBroken(.legacyContainer)
      ? .foreign(Self.shown(lab.description.function.config)) : .node(LabVirtualMachine.devicePath)
  }

  /// What VFIO shows of a config space, in a legacy container as elsewhere.
  private static func shown(_ config: ConfigSpace) -> ConfigSpace {
    config.shownByVFIO(config.walkCapabilities())
  }

  private func showRefusal(_ error: RealiseError) {
    let isExpected =
      switch (options.breaking, error) {
      case (.noNesting, .host(_, .attach, let cause)): cause.errno == .EOPNOTSUPP
      case (.memoryLimit, .host(_, .memory, let cause)),
        (.memoryLimit, .host(_, .attach, let cause)):
        cause.errno == .ENOMEM
      case (.narrowHost, .refused(_, .addressWidth)): true
      case (.noCachingMode, .refused(_, .guestLacks)): true
      case (.conventionalBridge, .belowConventionalBridge): true
      default: false
      }
    claim(.vmm, "realise it", "refused, with a reason", isExpected, "another reason")
    tell("\(error)")
    let pages = lab.host.chargedPageCount
    claim(
      .host, "what is left of the attempt",
      "\(endpoint.attachedPASIDCount) PASIDs, \(pages) pages charged", pages == 0,
      "nothing")
  }

  private func showAttachment(_ attachment: DeviceAttachment, on machine: LabVirtualMachine) {
    var facts = LabFacts.Attachment(
      table: nil, flags: [], text: "\(attachment)", pinnedPages: lab.host.chargedPageCount)
    switch attachment.table {
    case .pageTable(let id, let flags, _):
      facts.table = id
      facts.flags = flags.names
      let expected = isBroken(.noHostPASID) || !hasPASIDs ? 0 : 1
      claim(
        .vmm, "attach the RID, with both sides' flags",
        "HWPT \(id): \(flags.names.joined(separator: " | "))",
        flags.contains(.nestParent) && flags.contains(.pasid) == (expected == 1)
          && flags.contains(.dirtyTracking) != isBroken(.noDirtyTracking),
        "NEST_PARENT, and PASID if the host has some")
      claim(
        .host, "pages charged to the VMM", "\(facts.pinnedPages)",
        UInt64(facts.pinnedPages) == memorySize / GuestMemory.pageSize,
        "\(memorySize / GuestMemory.pageSize), each once")
    case .addressSpace(let id):
      claim(
        .vmm, "attach the device to the address space", "IOAS \(id), no page table",
        isBroken(.mdev), "a page table")
    case .foreign:
      claim(
        .vmm, "attach nothing", "it is not iommufd's", isBroken(.legacyContainer), "a page table")
    }
    report.facts.attachment = facts
  }

  /// Whether the device has PASIDs of its own.
  var hasPASIDs: Bool { lab.description.function.config.pasidWidth != nil }

  /// What the guest is shown, and whether that is as it should be.
  private func show(_ decision: SynthesisDecision) {
    report.facts.device?.isPASIDShown = false
    report.facts.device?.vpasidOffset = decision.offset
    report.facts.synthesis = LabFacts.Synthesis(decision)
    let reasons = decision.reasons.map(\.name).joined(separator: ", ")
    switch decision.pasids {
    case .shown(let offset, let capability, let grade):
      report.facts.device?.vpasidGrade = grade.rawValue
      let width = isBroken(.narrowVIOMMU) ? options.narrowWidth : capability.width
      claim(
        .vmm, "synthesise a PASID capability",
        "\(capability.width) bits at \(offset.hex), \(grade.rawValue)",
        options.breaking?.effect != .withholdsPASIDs && capability.width == width,
        "none, or another width")
    case .present(let offset):
      note(.vmm, "leave the PASID capability", "VFIO shows the device's own at \(offset.hex)")
    case .withheld:
      report.facts.device?.vpasidGrade = decision.pasids.word
      guard let expected = expectedReason else {
        note(.vmm, "synthesise no PASID capability", reasons)
        return
      }
      claim(
        .vmm, "synthesise no PASID capability", reasons, decision.reasons.first?.name == expected,
        expected)
    }
    let others = [("ATS", decision.ats), ("PRI", decision.pageRequests)].map { name, feature in
      "\(name) " + (feature.offset.map { "at \($0.hex)" } ?? "hidden")
    }
    note(.vmm, "what else the guest is shown", others.joined(separator: ", "))
  }

  /// The reason for which PASIDs are to be withheld.
  private var expectedReason: String? {
    switch options.breaking {
    case .noHostPASID: "host-has-none"
    case .mdev, .legacyContainer: "no-host-iommu"
    case .blockedPath: "path"
    case .collidingOffset: "no-place"
    default: nil
    }
  }
}

extension VIOMMUFlags {
  /// The flags in words.
  fileprivate var words: String {
    let names: [(Self, String)] = [
      (.wantsNestingParent, "nesting"), (.supportsPASID, "PASIDs"),
      (.wantsPASIDAttach, "PASID attach"), (.wantsNestingDirtyTracking, "dirty pages"),
    ]
    return names.filter { contains($0.0) }.map(\.1).joined(separator: ", ")
  }
}

extension HWPTFlags {
  /// The flags by their names in Linux's headers, without what all have in common.
  fileprivate var names: [String] {
    let names: [(HWPTFlags, String)] = [
      (.nestParent, "NEST_PARENT"), (.dirtyTracking, "DIRTY_TRACKING"), (.pasid, "PASID"),
    ]
    return names.filter { contains($0.0) }.map(\.1)
  }
}
