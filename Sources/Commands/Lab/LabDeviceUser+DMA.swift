import Hardware
import IOMMU
import SoftHost

extension LabDeviceUser {
  /// The device writes, copies and reads with each PASID at the same address.
  func doDMA(_ processes: [GuestProcess], _ memory: GuestMemory) throws {
    begin(.dma, "The device does DMA with each PASID, at one address", Self.deviceWay)
    let address = GuestProcess.text
    for (index, process) in processes.enumerated() {
      let text = "written with PASID \(process.pasid.rawValue)"
      let result = write(text, to: address, process.pasid)
      let found = try memory.text(process.textPlace, Self.textSize)
      report.facts.processes[index].text = found
      claim(
        .device, "PASID \(process.pasid.rawValue): write to \(address.rawValue.hex)",
        "\(result.word); \(process.textPlace.rawValue.hex) holds \"\(found)\"",
        result == .done && found == text, "\"\(text)\" in the process's own page")
    }
    copy(processes)
    if let process = processes.first { try showWalk(of: process) }
  }

  /// What one process has reaches another one's page only through the device.
  private func copy(_ processes: [GuestProcess]) {
    guard let first = processes.first, let last = processes.last else { return }
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
}
