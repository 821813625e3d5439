import HostABI
import Hardware
import IOMMU
import SoftHost

/// Whoever lets the device of a lab make requests.
protocol LabDeviceUser: LabWriter {
  /// Where the device's requests enter the host.
  var endpoint: Endpoint { get }
  /// What the VMM makes its calls to.
  var kernel: WitnessKernel { get }
}

extension LabDeviceUser {
  /// The way of a request of the device.
  static var deviceWay: [String] {
    ["device", "(RID, PASID, address)", "stage 1", "stage 2", "memory"]
  }

  /// Room for every text that the device moves.
  static var textSize: Int { 64 }

  /// One translation, with what stands at each step.
  func showWalk(of process: GuestProcess) throws {
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
  func hostAddress(_ address: IOVA, _ pasid: PASID? = nil) -> UInt64? {
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
