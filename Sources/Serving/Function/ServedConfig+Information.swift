import DeviceModels
import HostABI
public import VFIOUser

extension ServedConfig {
  /// The function as a vfio-user client is told of it: nine regions and five kinds of interrupts.
  ///
  /// Regions can be read and written, none can be mapped; config space has 4,096 bytes, and there is
  /// neither ROM nor VGA. INTx masks itself when it fires (`VFIO_IRQ_INFO_AUTOMASKED`); MSI-X vectors
  /// may be added while others are in use, MSI's may not (`VFIO_IRQ_INFO_NORESIZE`).
  ///
  /// - Parameter name: What the operator calls the device.
  /// - Returns: The information.
  public func information(name: String) -> UserDeviceInformation {
    var all: [UserDeviceInformation.Region] = Array(repeating: .init(), count: 9)
    for region in regions {
      all[region.index] = .init(byteCount: region.byteCount, flags: [.read, .write])
    }
    all[7] = .init(byteCount: UInt64(ServedConfig.byteCount), flags: [.read, .write])
    return UserDeviceInformation(
      name: name, regions: all,
      interrupts: [
        .init(count: hasLine ? 1 : 0, flags: hasLine ? 0b0111 : 0),
        .init(count: UInt32(narrowMessageCount), flags: 0b1001),
        .init(count: UInt32(messageCount), flags: 0b0001),
        .init(count: 1, flags: 0b0001),
        .init(count: 1, flags: 0b0001),
      ])
  }
}
