import Hardware
import IOMMU
import SoftHost

extension LabRun {
  /// The way of a request of the device.
  static let deviceWay = ["device", "(RID, PASID, address)", "stage 1", "stage 2", "memory"]

  /// Room for every text that the device moves.
  static let textSize = 64

  /// The device writes, copies and reads with each PASID at the same address.
  func doDMA(_ machine: LabMachine) throws {
    begin(.dma, "The device does DMA with each PASID, at one address", Self.deviceWay)
    let address = GuestProcess.text
    for (index, process) in machine.processes.enumerated() {
      let text = "written with PASID \(process.pasid.rawValue)"
      let result = write(text, to: address, process.pasid)
      let found = try machine.memory.text(process.textPlace, Self.textSize)
      report.facts.processes[index].text = found
      claim(
        .device, "PASID \(process.pasid.rawValue): write to \(address.rawValue.hex)",
        "\(result.word); \(process.textPlace.rawValue.hex) holds \"\(found)\"",
        result == .done && found == text, "\"\(text)\" in the process's own page")
    }
    try copy(machine)
    try showWalk(machine)
  }

  /// What one process has reaches another one's page only through the device.
  private func copy(_ machine: LabMachine) throws {
    guard let first = machine.processes.first, let last = machine.processes.last else { return }
    let target = IOVA(GuestProcess.text.rawValue + 0x100)
    let (input, text) = read(GuestProcess.text, first.pasid)
    let output = write(text, to: target, last.pasid)
    claim(
      .device,
      "PASID \(first.pasid.rawValue) to PASID \(last.pasid.rawValue): copy to \(target.rawValue.hex)",
      "read \(input.word), write \(output.word)",
      input == .done && output == .done, "both to be done")
    let (result, back) = read(target, last.pasid)
    let original = report.facts.processes.first?.text
    claim(
      .device, "PASID \(last.pasid.rawValue): read \(target.rawValue.hex) back",
      "\(result.word), \"\(back)\"", result == .done && back == original,
      "\"\(original ?? "")\"")
  }

  /// One translation, with what stands at each step.
  private func showWalk(_ machine: LabMachine) throws {
    guard let process = machine.processes.first else { return }
    let address = GuestProcess.text
    let entries = try process.table.walk(address)
    var levels: [LabFacts.Walk.Level] = []
    for entry in entries {
      // Requests without a PASID go through the second stage alone.
      guard let place = hostAddress(IOVA(entry.address.rawValue)) else { break }
      let bytes = try kernel.load(place, 8)
      guard bytes.span.little(UInt64.self, at: 0) == entry.value else { break }
      levels.append(
        LabFacts.Walk.Level(
          level: entry.level, index: entry.index, guestAddress: entry.address.rawValue,
          hostAddress: place, entry: entry.value))
    }
    let guest =
      GuestPageTable.target(entries.last?.value ?? 0).rawValue | address.rawValue & 0xFFF
    let expected = hostAddress(IOVA(guest))
    let found = hostAddress(address, process.pasid)
    claim(
      .device, "PASID \(process.pasid.rawValue): where \(address.rawValue.hex) leads",
      "guest \(guest.hex), host \(found?.hex ?? "nowhere")",
      levels.count == GuestPageTable.levels && found != nil && found == expected,
      "what its \(GuestPageTable.levels) entries and the second stage say: "
        + (expected?.hex ?? "nowhere"))
    let accessed = levels.count { $0.entry >> 5 & 1 == 1 }
    let isDirty = levels.last.map { $0.entry >> 6 & 1 == 1 } ?? false
    claim(
      .host, "bits that the unit has set in the entries",
      "\(accessed) accessed, " + (isDirty ? "the page's dirty" : "none dirty"),
      accessed == levels.count && isDirty, "all accessed, and the page's dirty")
    guard let found else { return }
    let bytes = try kernel.load(found, Self.textSize)
    let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    report.facts.walk = LabFacts.Walk(
      pasid: process.pasid.rawValue, address: address.rawValue, levels: levels,
      guestAddress: guest, hostAddress: found, text: text)
  }

  /// Where an address leads in the host, as the unit tells the device.
  private func hostAddress(_ address: IOVA, _ pasid: PASID? = nil) -> UInt64? {
    guard case .success(let translation) = endpoint.translate(address, .read, pasid: pasid),
      translation.address.isDirect
    else { return nil }
    return translation.address.address
  }

  /// The device writes a text and the zeros behind it.
  func write(_ text: String, to address: IOVA, _ pasid: PASID?) -> DMAResult {
    var bytes = Array(text.utf8.prefix(Self.textSize))
    bytes += [UInt8](repeating: 0, count: Self.textSize - bytes.count)
    return endpoint.write(address, bytes.span, pasid: pasid)
  }

  /// The device reads a text.
  func read(_ address: IOVA, _ pasid: PASID?) -> (DMAResult, String) {
    var bytes = [UInt8](repeating: 0, count: Self.textSize)
    var span = bytes.mutableSpan
    let result = endpoint.read(address, into: &span, pasid: pasid)
    return (result, String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
  }
}
