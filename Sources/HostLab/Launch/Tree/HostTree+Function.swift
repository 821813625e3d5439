internal import Hardware

extension HostTree {
  /// A function's folder under `/sys/devices`, and the links to it.
  mutating func addFunction(_ device: TreeDevice, unit: String) {
    let folder = device.folder
    addOwnFolder(folder)
    add("/sys/bus/pci/devices/\(device.address)", linkTo: folder)
    add("/sys/bus/pci/drivers/vfio-pci/\(device.address)", linkTo: folder)
    add("\(folder)/driver", linkTo: "/sys/bus/pci/drivers/vfio-pci")
    add("\(folder)/subsystem", linkTo: "/sys/bus/pci")
    add("\(folder)/iommu_group", linkTo: "/sys/kernel/iommu_groups/\(device.group)")
    add("\(folder)/iommu", linkTo: unit)
    add("\(folder)/config", .file(device.config, mode: 0o644))
    add("\(folder)/resource", text: Self.resourceText(device.regions))
    addIdentity(device)
    addSettings(device)
    addVirtualFunctions(device)
  }

  /// Thirteen rows, those behind the given ones unused.
  private static func resourceText(_ regions: [TreeDevice.Region]) -> String {
    let rows = max(13, regions.count)
    return (0..<rows).map { row in
      let region = row < regions.count ? regions[row] : .none
      let numbers = [region.first, region.last, region.flags]
      return numbers.map { "0x" + $0.hex(digits: 16) }.joined(separator: " ") + "\n"
    }.joined()
  }

  private mutating func addIdentity(_ device: TreeDevice) {
    let folder = device.folder
    let vendor = device.configNumber(0, 2)
    let model = device.configNumber(2, 2)
    let classCode = device.configNumber(8, 4) >> 8
    let subsystemVendor = device.configNumber(0x2c, 2)
    let subsystemModel = device.configNumber(0x2e, 2)
    func number(_ name: String, _ value: UInt32, _ digits: Int) {
      add("\(folder)/\(name)", text: "0x\(value.hex(digits: digits))\n")
    }
    number("vendor", vendor, 4)
    number("device", model, 4)
    number("class", classCode, 6)
    number("revision", device.configNumber(8, 1), 2)
    number("subsystem_vendor", subsystemVendor, 4)
    number("subsystem_device", subsystemModel, 4)

    func upper(_ value: UInt32, _ digits: Int) -> String {
      value.hex(digits: digits).uppercased()
    }
    let alias =
      "pci:v\(upper(vendor, 8))d\(upper(model, 8))sv\(upper(subsystemVendor, 8))"
      + "sd\(upper(subsystemModel, 8))bc\(upper(classCode >> 16, 2))"
      + "sc\(upper(classCode >> 8 & 0xff, 2))i\(upper(classCode & 0xff, 2))"
    add("\(folder)/modalias", text: alias + "\n")
    add(
      "\(folder)/uevent",
      text: """
        DRIVER=vfio-pci
        PCI_CLASS=\(String(classCode, radix: 16).uppercased())
        PCI_ID=\(upper(vendor, 4)):\(upper(model, 4))
        PCI_SUBSYS_ID=\(upper(subsystemVendor, 4)):\(upper(subsystemModel, 4))
        PCI_SLOT_NAME=\(device.address)
        MODALIAS=\(alias)

        """, mode: 0o644)
  }

  private mutating func addSettings(_ device: TreeDevice) {
    let folder = device.folder
    let command = device.configNumber(4, 2)
    let isEnabled = command & 3 != 0
    let texts: [(String, String)] = [
      ("irq", "0"), ("numa_node", "\(device.numaNode)"), ("enable", isEnabled ? "1" : "0"),
      ("broken_parity_status", "0"), ("consistent_dma_mask_bits", "64"), ("dma_mask_bits", "64"),
      ("d3cold_allowed", "1"), ("msi_bus", "1"), ("ari_enabled", "0"), ("power_state", "D0"),
      ("driver_override", "vfio-pci"), ("reset_method", "flr"), ("power/control", "on"),
      ("power/runtime_status", "active"),
    ]
    for (name, text) in texts {
      add("\(folder)/\(name)", text: text + "\n", mode: 0o644)
    }
  }

  private mutating func addVirtualFunctions(_ device: TreeDevice) {
    let folder = device.folder
    if let physical = device.physicalFunction {
      add("\(folder)/physfn", linkTo: "/sys/devices/pci\(physical.prefix(7))/\(physical)")
    }
    guard let functions = device.virtualFunctions else { return }
    add("\(folder)/sriov_totalvfs", text: "\(functions.total)\n")
    add("\(folder)/sriov_numvfs", text: "\(functions.enabled.count)\n", mode: 0o644)
    add("\(folder)/sriov_drivers_autoprobe", text: "1\n", mode: 0o644)
    for (index, address) in functions.enabled.enumerated() {
      add("\(folder)/virtfn\(index)", linkTo: "/sys/devices/pci\(address.prefix(7))/\(address)")
    }
  }
}
