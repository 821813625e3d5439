import Hardware
public import PCIe

/// What makes two devices the same model: the same silicon, so the same hidden registers.
///
/// Subsystem IDs are left out: they name the board, not the silicon.
public struct DeviceModel: Hashable, Sendable {
  /// PCI vendor ID.
  public let vendorID: UInt16
  /// PCI device ID.
  public let deviceID: UInt16
  /// PCI revision ID.
  public let revision: UInt8

  /// Makes a model from its parts.
  ///
  /// - Parameters:
  ///   - vendorID: PCI vendor ID.
  ///   - deviceID: PCI device ID.
  ///   - revision: PCI revision ID.
  public init(vendorID: UInt16, deviceID: UInt16, revision: UInt8) {
    self.vendorID = vendorID
    self.deviceID = deviceID
    self.revision = revision
  }

  /// The model of the function with this config space.
  ///
  /// - Parameter config: The config space; its first 16 bytes matter.
  public init(of config: ConfigSpace) {
    self.init(
      vendorID: config.vendorID, deviceID: config.deviceID, revision: config.revision)
  }
}

extension DeviceModel: CustomStringConvertible {
  /// The model as `lspci -n` writes it: `8086:0b25 (rev 00)`.
  public var description: String {
    "\(vendorID.hex(digits: 4)):\(deviceID.hex(digits: 4)) (rev \(revision.hex(digits: 2)))"
  }
}

extension DeviceModel: Comparable {
  /// Orders by vendor, device and revision.
  public static func < (a: DeviceModel, b: DeviceModel) -> Bool {
    (a.vendorID, a.deviceID, a.revision) < (b.vendorID, b.deviceID, b.revision)
  }
}
