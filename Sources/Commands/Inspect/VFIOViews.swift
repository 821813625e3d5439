import PCIe

/// Config spaces as VFIO shows them, matched with the devices that they are views of.
enum VFIOViews {
  /// Reads views and matches them by address; one view and one device match in any case.
  ///
  /// - Parameters:
  ///   - path: The file of views.
  ///   - devices: The devices.
  ///   - messages: Gets problems and notes.
  /// - Returns: Views by the index of their device.
  /// - Throws: ``InputProblem/view(_:)`` when nothing matches or the models differ.
  static func read(
    _ path: String, for devices: [LoadedDevice], _ messages: Messages
  ) throws(InputProblem) -> [Int: ConfigSpace] {
    let reader = DeviceReader(messages: messages)
    SourceLoader(handler: reader).load([path])
    var views: [Int: ConfigSpace] = [:]
    for view in reader.devices {
      var index = devices.firstIndex { $0.address != nil && $0.address == view.address }
      if index == nil, devices.count == 1, reader.devices.count == 1 { index = 0 }
      guard let index else {
        messages.note("\(path): \(view.name) is not among the devices and is left out")
        continue
      }
      let device = devices[index]
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
      views[index] = view.config
    }
    guard !views.isEmpty || reader.devices.isEmpty else {
      throw .view("\(path) shows none of the devices: expected one with the same address")
    }
    return views
  }
}
