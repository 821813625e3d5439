import PCIe
/// What the log has learned from answers: whose objects have which numbers.
///
/// It serves names and the summary; the host itself is never asked, so a wrong answer of the host
/// shows as a wrong name.
struct HostKnowledge: Sendable {
  /// Devices by number.
  let devices: [Int: LogDevice]
  /// Names of config registers by device.
  let registers: [Int: ConfigRegisterNames]
  /// Contexts by their files' numbers.
  var contexts: [Int: KnownContext] = [:]
  /// The context of an open device, and the device's number there, by its file's number.
  var bound: [Int: (context: Int, device: UInt32)] = [:]
  /// The context of a group's container, by the group.
  var containers: [Int: Int] = [:]

  init(_ devices: [LogDevice]) {
    var byIndex: [Int: LogDevice] = [:]
    var names: [Int: ConfigRegisterNames] = [:]
    for device in devices {
      byIndex[device.index] = device
      names[device.index] = device.config.map { ConfigRegisterNames($0) }
    }
    self.devices = byIndex
    registers = names
  }

  /// The number of the context that a call is about.
  func context(of call: TracedCall) -> Int? {
    guard let file = call.file else { return nil }
    switch file.kind {
    case .iommu: return file.number
    case .device:
      if let known = bound[file.number]?.context { return known }
      return call.other?.kind == .iommu ? call.other?.number : nil
    case .group(let group):
      return call.other?.kind == .iommu ? call.other?.number : containers[group]
    case .faults, .events, .access, .buffer:
      // Queues belong to the one context, as a rule.
      return contexts.count == 1 ? contexts.first?.key : nil
    }
  }

  /// A device as text names it: `vfio0 (0000:6a:01.0)`.
  func deviceName(_ index: Int) -> String {
    "vfio\(index)" + (devices[index].map { " (\($0.address))" } ?? "")
  }

  /// The last holder of a file went.
  mutating func release(_ file: TracedFile) {
    switch file.kind {
    case .device:
      guard let (context, device) = bound.removeValue(forKey: file.number) else { return }
      contexts[context]?.removeDevice(device)
    case .iommu: contexts[file.number] = nil
    case .group(let group): containers[group] = nil
    case .faults, .events, .access, .buffer: break
    }
  }
}
