package import Hardware
package import VirtualIOMMU

/// Where a guest finds a function: on the root bus, or behind a root port of its own.
package struct GuestPlace: Hashable, Sendable {
  /// The bus, as the firmware numbers it; 0 for the root bus.
  package var bus: UInt8
  /// The device, below 32.
  package var device: UInt8
  /// The function, below 8.
  package var function: UInt8
  /// The device number of the root port on the root bus; `nil` on the root bus itself.
  package var port: UInt8?

  /// Describes a place.
  ///
  /// - Parameters:
  ///   - bus: The bus, as the firmware numbers it.
  ///   - device: The device.
  ///   - function: The function.
  ///   - port: The device number of the root port.
  package init(bus: UInt8 = 0, device: UInt8, function: UInt8 = 0, port: UInt8? = nil) {
    self.bus = bus
    self.device = device
    self.function = function
    self.port = port
  }

  /// Who the function is to the unit.
  package var requester: RequesterID {
    RequesterID(bus: bus, devfn: (device & 31) << 3 | function & 7)
  }

  /// The way there, as a DMAR table tells it: a bridge stands for all behind it.
  package var scope: DMARScope {
    if let port {
      return DMARScope(.bridge, path: [DMARScope.Hop(device: port)])
    }
    return DMARScope(.endpoint, path: [DMARScope.Hop(device: device, function: function)])
  }
}
