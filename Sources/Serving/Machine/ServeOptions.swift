package import LogText
package import VirtualIOMMU

/// What `passage serve` is asked to do.
package struct ServeOptions: Hashable, Sendable {
  /// The devices, in the order in which they are named and placed.
  package var devices: [ServedDeviceChoice]
  /// The guest's IOMMU; `nil` when the devices stand behind none of ours.
  package var unit: ServedUnitChoice?
  /// Where the sockets are.
  ///
  /// The folder is there; only this user may enter one that was made for them,
  /// and whoever its owner lets one that was there before.
  package var socketDirectory: String
  /// The VMM and its arguments; empty when somebody else starts it.
  package var command: [String]
  /// The log, if there is to be one.
  package var log: LogOptions?

  /// Describes what is to be served.
  ///
  /// - Parameters:
  ///   - devices: The devices.
  ///   - unit: The guest's IOMMU.
  ///   - socketDirectory: Where the sockets are.
  ///   - command: The VMM and its arguments.
  ///   - log: The log.
  package init(
    devices: [ServedDeviceChoice], unit: ServedUnitChoice? = nil, socketDirectory: String,
    command: [String] = [], log: LogOptions? = nil
  ) {
    self.devices = devices
    self.unit = unit
    self.socketDirectory = socketDirectory
    self.command = command
    self.log = log
  }

  /// Whether a device of the host is among them.
  package var hasPassedDevices: Bool { devices.contains(where: \.isPassed) }

  /// The unit's configuration, if there is a unit.
  ///
  /// - Returns: What its capability registers say.
  /// - Throws: ``ServeChoiceError`` when its settings cannot be had with these devices.
  package func unitConfiguration() throws(ServeChoiceError) -> VTdConfiguration? {
    guard let unit else { return nil }
    return try unit.configuration(forPassed: hasPassedDevices)
  }
}
