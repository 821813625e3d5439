import Hardware
import PCIe
import Passthrough
import SoftHost
import VirtualIOMMU

/// The guest's kernel starts: first the unit, then the device.
extension VTdLabRun {
  /// The driver programs the unit.
  func startUnit(_ guest: LabGuest) throws {
    begin(
      .unit, "The guest's driver programs its VT-d unit",
      ["guest", "registers", "VTdUnit", "guest memory"])
    let driver = guest.driver
    let version = driver.probe()
    report.facts.unit = LabFacts.Unit(
      capability: driver.capability.rawValue, extendedCapability: driver.extended.rawValue,
      pasidWidth: driver.pasidBits, addressWidth: Int(driver.capability.guestAddressWidth) + 1,
      root: driver.root.rawValue)
    claim(
      .guest, "reads VER, CAP and ECAP",
      "\(version >> 4).\(version & 15), scalable, PASIDs of \(driver.pasidBits) bits",
      driver.extended[.scalableMode] && driver.extended[.firstStage] && driver.pasidBits > 0,
      "scalable mode with first stages and PASIDs")
    note(
      .guest, "CAP \(driver.capability.rawValue.hex)",
      "caching mode \(driver.capability.hasCachingMode.word): new entries are told")
    try driver.startQueue()
    try driver.setRoot()
    note(
      .guest, "sets the root table \(driver.root.rawValue.hex)",
      "queue on; contexts, PASIDs, translations dropped")
    driver.startPageRequests()
    driver.startFaults()
    try driver.startTranslation()
    let status = driver.globalStatus
    claim(
      .unit, "GSTS \(status.rawValue.hex)", "queue, root pointer and translation on",
      status.queuedInvalidation && status.rootPointer && status.translation, "all three")
  }

  /// The guest's kernel finds the device, and turns on what it is shown.
  ///
  /// - Returns: Whether it can use PASIDs.
  func findFunction(_ guest: LabGuest) throws -> Bool {
    begin(
      .function, "The guest finds the device in config space, and turns PASIDs on",
      ["guest", "config space", "VMM", "Passthrough", "HostKernel"])
    let function = guest.machine.function
    let found = function.extendedCapabilities()
    func offset(_ id: UInt16) -> Int? { found.first { $0.id == id }?.offset }
    let (pasid, ats, pri) = (offset(Capability.pasidID), offset(0x0F), offset(0x13))
    let decision = guest.machine.device?.synthesis
    note(
      .guest, "reads vendor and device ID",
      "\(function.read(0, .word).hex(digits: 4)):\(function.read(2, .word).hex(digits: 4))")
    let words = [("PASID", pasid), ("ATS", ats), ("PRI", pri)].map { name, place in
      place.map { "\(name) at \($0.hex)" } ?? "no \(name)"
    }
    claim(
      .guest, "walks \(found.count) extended capabilities", words.joined(separator: ", "),
      pasid == decision?.offset && ats == decision?.ats.offset
        && pri == decision?.pageRequests.offset, "what the VMM decided")
    function.enable()
    try attachFunction(guest, hasPASIDs: pasid != nil, hasATS: ats != nil, hasPRI: pri != nil)

    guard let pasid else {
      note(.guest, "uses the device without PASIDs", "as any other device")
      return false
    }
    let control = function.enablePASIDs(at: pasid)
    let width = PASIDCapability(register: UInt16(function.read(pasid + 4, .word))).width
    claim(
      .guest, "turns PASIDs on: Control \(control.hex)", "\(width) bits", control & 1 == 1,
      "bit 0, Enable, is set")
    if let ats {
      let control = function.enableATS(at: ats)
      claim(
        .guest, "turns ATS on: Control \(control.hex)", "on", control >> 15 == 1,
        "bit 15, Enable, is set")
    }
    if let pri {
      let control = function.enablePageRequests(at: pri)
      let isFollowed = guest.machine.device?.pageRequestDescriptor != nil
      claim(
        .guest, "turns page requests on: Control \(control.hex)",
        isFollowed ? "the host has a queue for them" : "the host has no queue",
        control & 1 == 1 && isFollowed, "on, and a queue of the host's")
    }
    return true
  }

  /// The device gets a context entry, and requests without a PASID an entry that passes through.
  private func attachFunction(
    _ guest: LabGuest, hasPASIDs: Bool, hasATS: Bool, hasPRI: Bool
  ) throws {
    var flags: ContextFlags = []
    if hasPASIDs { flags.insert(.pasids) }
    if hasATS { flags.insert(.deviceTLB) }
    if hasPRI { flags.insert(.pageRequests) }
    let device = try guest.driver.attach(guest.machine.source, flags)
    guest.device = device
    note(
      .guest,
      "context entry of \(guest.machine.source.hex(digits: 4)) at "
        + device.contextEntry.rawValue.hex, "PASID directory \(device.directory.rawValue.hex)")
    guard let backend = guest.machine.device?.backend else {
      note(.host, "requests without a PASID", "are not iommufd's to translate here")
      return
    }
    let text = "without a PASID"
    let page = guest.driver.pages.take()
    let result = write(text, to: IOVA(page.rawValue), nil)
    let stored = try guest.memory.text(page, Self.textSize)
    claim(
      .device, "write to guest \(page.rawValue.hex) without a PASID",
      "\(result.word); it holds \"\(stored)\"",
      result == .done && stored == text && backend.translation(of: nil) == .passThrough,
      "\"\(text)\" there")
  }
}
