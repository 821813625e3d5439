/// What a user's own options say about the things that are added.
struct VMMUserOptions {
  private let options: [VMMOption]

  init(_ options: [VMMOption]) { self.options = options }

  /// The last option of a name.
  func last(_ name: String) -> VMMOption? { options.last { $0.name == name } }

  private func properties(
    _ names: String..., first: String
  ) -> [(option: VMMOption, properties: VMMProperties)] {
    options.filter { names.contains($0.name) }
      .map { ($0, VMMProperties($0.value ?? "", first: first)) }
  }

  // MARK: Machine and memory

  /// Whether a machine was chosen.
  var hasMachine: Bool {
    properties("machine", "M", first: "type").contains { $0.properties["type"] != nil }
  }

  /// Refuses a machine whose PCI has no extended config space, which PASID, ATS and PRI are in; it has
  /// no bus `pcie.0` either.
  private func checkMachine() throws(VMMCommandError) {
    let all = properties("machine", "M", first: "type")
    guard let (option, properties) = all.last(where: { $0.properties["type"] != nil }),
      let name = properties["type"]
    else { return }
    let isOld =
      ["pc", "isapc", "xenfv", "xenpv", "none"].contains(name)
      || ["pc-i440fx-", "xenfv-"].contains { name.hasPrefix($0) }
      || name == "microvm" && !all.contains { $0.properties.isOn("pcie") }
    guard isOld else { return }
    throw .excluded(
      option: option.text,
      why: "the machine '\(name)' has no PCI Express, which the devices need; q35 has")
  }

  /// Whether the user says where the guest's memory is.
  var hasOwnMemory: Bool { !memoryBackends.isEmpty }

  /// Which backends the guest's memory is in, and what says so.
  private var memoryBackends: [(id: String, option: VMMOption)] {
    let machine = properties("machine", "M", first: "type").compactMap { found in
      found.properties["memory-backend"].map { ($0, found.option) }
    }
    let nodes = properties("numa", first: "type").compactMap { found in
      found.properties["memdev"].map { ($0, found.option) }
    }
    return machine.suffix(1) + nodes
  }

  /// Which backends memory is in that stands beside the machine's own: modules and the like.
  private var moduleBackends: [(id: String, option: VMMOption)] {
    devices.compactMap { option, properties in
      let modules = ["pc-dimm", "nvdimm", "virtio-mem-pci", "virtio-pmem-pci"]
      guard modules.contains(properties["driver"] ?? "") else { return nil }
      return properties["memdev"].map { ($0, option) }
    }
  }

  /// The size that `-m` says; `nil` when there is none.
  func memory() throws(VMMCommandError) -> VMMMemorySize? {
    var size: VMMMemorySize?
    for (option, properties) in properties("m", first: "size") {
      guard let text = properties["size"] else { continue }
      guard let found = VMMMemorySize(text) else { throw .memorySize(option: option.text) }
      size = found
    }
    return size
  }

  // MARK: Ids and places

  /// Devices of the user.
  var devices: [(option: VMMOption, properties: VMMProperties)] {
    properties("device", first: "driver")
  }

  /// Chassis numbers that root ports of the user have.
  var chassis: Set<UInt8> {
    Set(
      devices.compactMap { $0.properties["chassis"] }.compactMap { UInt8($0) })
  }

  /// Finds what cannot stand beside a plan.
  func check(against plan: VMMPlan) throws(VMMCommandError) {
    if let option = last("daemonize") {
      throw .excluded(
        option: option.text, why: "the devices are served only as long as the VMM is waited for")
    }
    if !hasOwnMemory, let option = last("mem-path") {
      throw .excluded(
        option: option.text,
        why: "the guest's memory has to be shared; say memory-backend-file with share=on instead")
    }
    try checkMachine()
    try checkMemory()
    try checkIDs(plan)
    try checkPlaces(plan)
    try checkBuses(plan)
    guard plan.unit != nil else { return }
    for (option, properties) in devices
    where ["intel-iommu", "amd-iommu", "virtio-iommu-pci"].contains(properties["driver"] ?? "") {
      throw .excluded(option: option.text, why: "the guest has an IOMMU already: the served one")
    }
  }

  private func checkMemory() throws(VMMCommandError) {
    let backends = properties("object", first: "qom-type")
    for (id, option) in memoryBackends + moduleBackends {
      // One that nobody defines is QEMU's to complain about.
      guard let backend = backends.last(where: { $0.properties["id"] == id }) else { continue }
      let properties = backend.properties
      let isShared =
        if properties["share"] != nil {
          properties.isOn("share")
        } else {
          // These two are shared unless told otherwise.
          ["memory-backend-memfd", "memory-backend-shm"].contains(properties["qom-type"] ?? "")
        }
      guard isShared else { throw .privateMemory(backend: id, option: option.text) }
    }
  }

  private func checkIDs(_ plan: VMMPlan) throws(VMMCommandError) {
    var taken = Set(plan.ports.indices.map(VMMCommand.portID))
    if !hasOwnMemory { taken.insert(VMMCommand.memoryID) }
    for (option, properties) in properties("object", "device", "netdev", "chardev", first: "type") {
      guard let id = properties["id"], taken.contains(id) else { continue }
      throw .idTaken(id, option: option.text)
    }
  }

  private func checkPlaces(_ plan: VMMPlan) throws(VMMCommandError) {
    for (option, properties) in devices {
      guard let address = properties["addr"], ["pcie.0", "pci.0", nil].contains(properties["bus"]),
        let place = Self.place(address)
      else { continue }
      // A slot is one's own, with all of its functions.
      if let slot = plan.ports.first(where: { $0 == place.device }) {
        throw .placeTaken(VMMPlace(device: slot), name: "a root port", option: option.text)
      }
      let function = plan.functions.first {
        $0.place.port == nil && $0.place.device == place.device
      }
      if let function {
        throw .placeTaken(function.place, name: function.name, option: option.text)
      }
    }
  }

  /// A slot and perhaps a function, as QEMU reads them: hexadecimal.
  static func place(_ text: String) -> VMMPlace? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard let slot = parts.first, parts.count <= 2 else { return nil }
    let digits = slot.hasPrefix("0x") || slot.hasPrefix("0X") ? slot.dropFirst(2) : slot
    guard let device = UInt8(digits, radix: 16), device < 32 else { return nil }
    let function = parts.count == 2 ? UInt8(parts[1], radix: 16) : 0
    guard let function, function < 8 else { return nil }
    return VMMPlace(device: device, function: function)
  }
}
