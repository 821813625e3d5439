import PCIe
import Placement

/// What a VMM sees of devices through VFIO: as dumped, or as vfio-pci is known to show them.
final class VFIOViews {
  /// Stands for vfio-pci's own rules in place of a file.
  static let automatic = "auto"

  private enum Source {
    /// Nobody speaks of VFIO.
    case none
    /// vfio-pci's rules.
    case rules
    /// Dumped views by address, and all of them in order.
    case dumped([LoadedDevice])
  }

  private let source: Source
  private let path: String
  private var matched: Set<Int> = []

  /// Reads views.
  ///
  /// - Parameters:
  ///   - path: The file, `auto` for vfio-pci's rules, or `nil` for no views.
  ///   - messages: Gets problems and notes.
  /// - Throws: ``InputProblem/view(_:)`` when the file holds no usable view.
  init(_ path: String?, _ messages: Messages) throws(InputProblem) {
    self.path = path ?? ""
    guard let path else {
      source = .none
      return
    }
    guard path != Self.automatic else {
      source = .rules
      return
    }
    let before = messages.problems
    let reader = DeviceReader(messages: messages)
    SourceLoader(handler: reader).load([path])
    guard messages.problems == before, !reader.devices.isEmpty else {
      throw .view("\(path) could not be used: expected a dump, or auto for what vfio-pci shows")
    }
    source = .dumped(reader.devices)
  }

  /// The view of a device.
  ///
  /// - Parameters:
  ///   - device: The device.
  ///   - isOnly: Whether there is no other, so that a single view is its view whatever the address.
  /// - Returns: What a VMM sees, or `nil` when nothing is known of it.
  /// - Throws: ``InputProblem/view(_:)`` when the view is of another model.
  func view(of device: LoadedDevice, isOnly: Bool = false) throws(InputProblem) -> ConfigSpace? {
    switch source {
    case .none: return nil
    case .rules: return device.config.shownByVFIO(device.config.walkCapabilities())
    case .dumped(let views):
      var index = views.firstIndex { $0.address != nil && $0.address == device.address }
      if index == nil, isOnly, views.count == 1 { index = 0 }
      guard let index else { return nil }
      let view = views[index]
      // A virtual function has no identity of its own; VFIO gives it one.
      guard
        device.config.vendorID == .max
          || (device.config.vendorID, device.config.deviceID)
            == (view.config.vendorID, view.config.deviceID)
      else {
        throw .view(
          "\(view.name) is another device than \(device.name): expected the same vendor and device ID"
        )
      }
      matched.insert(index)
      return view.config
    }
  }

  /// Checks that some view was of some device.
  ///
  /// - Throws: ``InputProblem/view(_:)`` when there are views and none was used.
  func finish() throws(InputProblem) {
    guard case .dumped = source, matched.isEmpty else { return }
    throw .view("\(path) shows none of the devices: expected one with the same address")
  }

  /// What a device shows, with what is hidden from a VMM if a view is known.
  static func evidence(
    of device: LoadedDevice, by views: VFIOViews?
  ) throws(InputProblem) -> PlacementEvidence {
    let layout = LayoutMap(of: device.config)
    guard let view = try views?.view(of: device) else {
      return PlacementEvidence(layout: layout, of: device.config)
    }
    return PlacementEvidence(layout: layout, of: device.config, view: view)
  }
}
