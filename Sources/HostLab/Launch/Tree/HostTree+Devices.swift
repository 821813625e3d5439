internal import HostSystem

extension HostTree {
  /// Minor numbers: device N has N.
  static let groupMinor: UInt32 = 0x10000
  static let iommuMinor: UInt32 = 0x20000
  static let containerMinor: UInt32 = 0x20001

  /// Makes the tree of a host with these devices, all bound to vfio-pci, behind one IOMMU.
  package init(devices: [TreeDevice], iommu: TreeIOMMU, major: UInt32 = Self.unusedMajor()) {
    self.init(major: major)
    let unit = "/sys/devices/virtual/iommu/\(iommu.name)"
    addOwnFolder(unit)
    add("\(unit)/subsystem", linkTo: "/sys/class/iommu")
    add("\(unit)/uevent", text: "", mode: 0o644)
    add("\(unit)/devices", .folder(Folder(entries: [:], isMerged: false)))
    for (name, text) in iommu.attributes { add("\(unit)/\(name)", text: text) }
    add("/sys/class/iommu/\(iommu.name)", linkTo: unit)

    for device in devices {
      addFunction(device, unit: unit)
      addCharacterDevice(device)
      add("\(unit)/devices/\(device.address)", linkTo: device.folder)
    }
    for group in Set(devices.map(\.group)).sorted() {
      addGroup(group, devices.filter { $0.group == group }, iommu)
    }
    addClassDevice("misc", "iommu", node: "/dev/iommu", name: "iommu", Self.iommuMinor)
    addClassDevice("misc", "vfio", node: "/dev/vfio/vfio", name: "vfio/vfio", Self.containerMinor)
  }

  /// A major number that no driver of this machine's kernel has.
  package static func unusedMajor() -> UInt32 {
    #if os(Linux)
      let text = (try? Calls.contents("/proc/devices")).map { String(decoding: $0, as: UTF8.self) }
      let used = Set(
        (text ?? "").split(separator: "\n").compactMap { line in
          line.split(separator: " ").first.flatMap { UInt32($0) }
        })
      // The range that Linux gives to drivers without a fixed number, from its far end.
      return (384...511).last { !used.contains($0) } ?? 511
    #else
      return 511
    #endif
  }

  /// A device of a class without a bus: `/sys/class/CLASS/NAME` and its node.
  private mutating func addClassDevice(
    _ group: String, _ entry: String, node: String, name: String, _ minor: UInt32
  ) {
    let folder = "/sys/devices/virtual/\(group)/\(entry)"
    addOwnFolder(folder)
    add("\(folder)/subsystem", linkTo: "/sys/class/\(group)")
    add("\(folder)/dev", text: "\(major):\(minor)\n")
    add("\(folder)/uevent", text: "MAJOR=\(major)\nMINOR=\(minor)\nDEVNAME=\(name)\n", mode: 0o644)
    add("/sys/class/\(group)/\(entry)", linkTo: folder)
    add(node, .node(minor: minor))
  }

  private mutating func addGroup(_ group: Int, _ devices: [TreeDevice], _ iommu: TreeIOMMU) {
    let folder = "/sys/kernel/iommu_groups/\(group)"
    addOwnFolder(folder)
    for device in devices { add("\(folder)/devices/\(device.address)", linkTo: device.folder) }
    add("\(folder)/type", text: "DMA\n", mode: 0o644)
    add(
      "\(folder)/reserved_regions",
      text: iommu.reservedRegions.map { $0 + "\n" }.joined())
    addClassDevice(
      "vfio", "\(group)", node: "/dev/vfio/\(group)", name: "vfio/\(group)",
      Self.groupMinor + UInt32(truncatingIfNeeded: group))
  }

  private mutating func addCharacterDevice(_ device: TreeDevice) {
    let name = "vfio\(device.vfioIndex)"
    let minor = UInt32(truncatingIfNeeded: device.vfioIndex)
    let folder = "\(device.folder)/vfio-dev/\(name)"
    add("\(folder)/dev", text: "\(major):\(minor)\n")
    add(
      "\(folder)/uevent",
      text: "MAJOR=\(major)\nMINOR=\(minor)\nDEVNAME=vfio/devices/\(name)\n", mode: 0o644)
    add("\(folder)/device", linkTo: device.folder)
    add("\(folder)/subsystem", linkTo: "/sys/class/vfio-dev")
    add("/sys/class/vfio-dev/\(name)", linkTo: folder)
    add("/dev/vfio/devices/\(name)", .node(minor: minor))
  }
}
