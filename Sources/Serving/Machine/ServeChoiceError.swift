package import DeviceModels
package import PCIe
package import VirtualIOMMU

/// Why what a user wants to be served cannot be.
package enum ServeChoiceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong with one option's argument.
  indirect case argument(option: String, String, ServeChoiceError)
  /// A `--device` that cannot be.
  case device(DeviceChoiceError)
  /// There is no such kind of device.
  case unknownKind(String)
  /// A place in another domain than the only one that guests have.
  case domain(PCIAddress)
  /// Two functions at one place of the guest, or one where the unit is.
  case taken(PCIAddress)
  /// A place that the guest's firmware or the VMM's own devices have.
  case notFree(PCIAddress)
  /// Buses that are not 1, 2 and so on.
  case buses
  /// No place is left for another device.
  case full
  /// There is no such unit.
  case unknownUnit(String)
  /// The unit has no such setting.
  case unknownUnitKey(String)
  /// A value that is none for a setting of the unit.
  case badUnitValue(String, of: String)
  /// A unit that no table could describe.
  case unit(VTdConfigurationError)
  /// A setting of the unit that devices of the host cannot have.
  case passed(String)
  /// A folder for sockets whose name leaves no room for theirs.
  case longPath(String)
  /// Nothing is to be served.
  case nothing

  /// What is wrong, and what would be right.
  package var description: String {
    switch self {
    case .argument(let option, let text, let error): "\(option) \(text): \(error)"
    case .device(let error): "\(error)"
    case .unknownKind(let kind):
      "'\(kind)' is no kind of device: dsa, dump=FILE, nic and vfio=BDF are"
    case .domain(let place): "a guest has domain 0000 only, and \(place) is not in it"
    case .taken(let place): "two functions are to be at \(place) in the guest"
    case .notFree(let place):
      "\(place) is not free in the guest: use a device number 01 to 1e, function 0, on bus 00, or "
        + "device 00 on buses 01 to 08 (the unit stands on bus 00)"
    case .buses:
      "buses behind root ports are numbered by firmware in order: use 01, then 02 and so on"
    case .full: "bus 00 has no place left: give devices places behind root ports, such as @01:00.0"
    case .unknownUnit(let unit): "'\(unit)' is no unit that can be served: vtd is"
    case .unknownUnitKey(let key):
      "a vtd unit has no setting '\(key)': \(ServedUnitChoice.keys.joined(separator: ", ")) are"
    case .badUnitValue(let value, let key): "'\(value)' is no value for '\(key)'"
    case .unit(let error): "\(error)"
    case .passed(let setting):
      "\(setting) cannot be had with vfio= devices, which the host's own IOMMU translates for"
    case .longPath(let path):
      "\(path): a socket's path has at most 107 bytes; choose a shorter --socket-dir"
    case .nothing: "there is nothing to serve: give a --device"
    }
  }
}
