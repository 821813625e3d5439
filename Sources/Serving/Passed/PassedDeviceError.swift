public import PCIe
public import Passthrough

/// Why a device of the host cannot be served; nothing of it is open then.
public enum PassedDeviceError: Error, Hashable, Sendable {
  /// The host has no function at the address.
  case noFunction(PCIAddress)
  /// Another driver has it than vfio-pci, or none.
  case notWithVFIO(PCIAddress, driver: String?)
  /// The kernel has no device nodes of VFIO (`CONFIG_VFIO_DEVICE_CDEV`).
  case noDeviceNode(PCIAddress)
  /// The guest's hierarchy has no such place: its device or function number is too large.
  case noSuchPlace(String)
  /// iommufd cannot be used.
  case context(String)
  /// The device could not be given to the guest.
  case realise(RealiseError)
  /// VFIO does not say what the device has.
  case information(String)
}

extension PassedDeviceError: CustomStringConvertible {
  /// The error in words, with what can be done.
  public var description: String {
    switch self {
    case .noFunction(let address):
      "\(address): the host has no such function (/sys/bus/pci/devices/\(address))"
    case .notWithVFIO(let address, let driver):
      "\(address): "
        + (driver.map { "the driver \($0) has it" } ?? "no driver has it")
        + "; give it to vfio-pci: write vfio-pci to "
        + "/sys/bus/pci/devices/\(address)/driver_override, unbind it from its driver, and write "
        + "\(address) to /sys/bus/pci/drivers_probe"
    case .noDeviceNode(let address):
      "\(address): vfio-pci has it, but there is no device node for it in its vfio-dev folder: the "
        + "kernel needs CONFIG_VFIO_DEVICE_CDEV (Linux 6.6)"
    case .noSuchPlace(let device): "\(device): no function can be at its place in the guest"
    case .context(let problem): problem
    case .realise(let error): "\(error)"
    case .information(let problem): problem
    }
  }
}
