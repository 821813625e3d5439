import Hardware
import PCIe
import SoftHost

extension LabWriter {
  /// What the device of the sample host is.
  static var deviceTitle: String { "Data Streaming Accelerator" }

  /// What the host is, before anybody opens anything.
  func showHost(_ description: DeviceDescription, _ title: String) {
    let config = description.function.config
    let walk = config.walkCapabilities()
    let pasid = walk.first(Capability.pasidID, in: .extended)
    begin(
      .host, "A host with a device that can do \(pasid == nil ? "no PASIDs" : "PASIDs")",
      ["SoftHost"])
    report.facts.device = LabFacts.Device(
      address: "\(description.address)", title: title, vendorID: config.vendorID,
      deviceID: config.deviceID, pasidOffset: pasid?.offset)
    note(
      .host, "device \(description.address)",
      "\(config.vendorID.hex(digits: 4)):\(config.deviceID.hex(digits: 4)), \(title)")
    let names = [("PASID", Capability.pasidID), ("ATS", 0x0F), ("PRI", 0x13)] as [(String, UInt16)]
    let found = names.map { name, id in
      walk.first(id, in: .extended).map { "\(name) at \($0.offset.hex)" } ?? "no \(name)"
    }
    let words = found.joined(separator: ", ")
    guard pasid != nil else { return note(.host, "its own capabilities", words) }
    claim(.host, "its own capabilities", words, true, "")
  }
}
