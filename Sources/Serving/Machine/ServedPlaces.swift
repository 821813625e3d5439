package import PCIe

/// One function that is served: what it is called, where its socket is, where the guest finds it.
package struct ServedSlot: Hashable, Sendable {
  /// What the operator calls it: `dsa0`, `nic0`, `iommu`.
  package let name: String
  /// Its socket's path.
  package let socketPath: String
  /// Where the guest finds it.
  package let place: PCIAddress
  /// The root port that it stands behind; `nil` on bus 0.
  package let port: PCIAddress?
}

/// Where everything is that is served.
///
/// Firmware numbers buses in the order of their ports, so the buses that are asked for are 1, 2 and so
/// on, and their ports stand side by side.
package struct ServedPlaces: Hashable, Sendable {
  /// The devices, in the order of the options.
  package let devices: [ServedSlot]
  /// The unit's function.
  package let unit: ServedSlot?

  /// Where the unit is if nobody says so.
  package static let usualUnit = PCIAddress(bus: 0, device: 5, function: 0)
  /// Device numbers of bus 0 for devices, in the order of their use.
  private static let free: [UInt8] = Array(0x08...0x0F) + Array(0x18...0x1E)
  /// Device numbers of bus 0 for root ports.
  private static let ports: ClosedRange<UInt8> = 0x10...0x17
  /// Device numbers of bus 0 that the machine itself has: the host bridge, and what boards have at
  /// the other end.
  private static let machine: Set<UInt8> = [0, 0x1F]

  /// Gives each device and the unit a name and a place.
  ///
  /// - Parameter options: What is to be served.
  /// - Throws: ``ServeChoiceError`` when something is to be where it cannot be.
  package init(_ options: ServeOptions) throws(ServeChoiceError) {
    guard !options.devices.isEmpty || options.unit != nil else { throw .nothing }
    var taken: Set<PCIAddress> = []
    for place in options.devices.map(\.place) + [options.unit?.place] {
      guard let place else { continue }
      try Self.check(place)
      guard taken.insert(place).inserted else { throw .taken(place) }
    }
    let buses = Set(taken.map(\.bus)).subtracting([0])
    for bus in buses {
      let port = Self.port(of: bus)
      guard buses.count >= Int(bus) else { throw .buses }
      guard taken.insert(port).inserted else { throw .taken(port) }
    }
    func slot(_ name: String, _ place: PCIAddress) throws(ServeChoiceError) -> ServedSlot {
      let path = options.socketDirectory + "/" + name + ".sock"
      // `sun_path` has 108 bytes, the last of them zero.
      guard path.utf8.count <= 107 else { throw .longPath(path) }
      return ServedSlot(
        name: name, socketPath: path, place: place,
        port: place.bus == 0 ? nil : Self.port(of: place.bus))
    }
    if let unit = options.unit {
      let place: PCIAddress
      if let asked = unit.place {
        guard asked.bus == 0 else { throw .notFree(asked) }
        place = asked
      } else if taken.insert(Self.usualUnit).inserted {
        place = Self.usualUnit
      } else {
        place = try Self.next(&taken)
      }
      self.unit = try slot("iommu", place)
    } else {
      unit = nil
    }
    var counts: [String: Int] = [:]
    var devices: [ServedSlot] = []
    for device in options.devices {
      let kind = device.shortName
      let place = if let asked = device.place { asked } else { try Self.next(&taken) }
      devices.append(try slot("\(kind)\(counts[kind, default: 0])", place))
      counts[kind, default: 0] += 1
    }
    self.devices = devices
  }

  private static func port(of bus: UInt8) -> PCIAddress {
    PCIAddress(bus: 0, device: ports.lowerBound &+ bus &- 1, function: 0)
  }

  private static func check(_ place: PCIAddress) throws(ServeChoiceError) {
    guard place.domain == 0 else { throw .domain(place) }
    let isFree =
      place.bus == 0
      ? !machine.contains(place.device)
      : place.device == 0 && Int(place.bus) <= ports.count
    guard isFree, place.function == 0 else { throw .notFree(place) }
  }

  private static func next(_ taken: inout Set<PCIAddress>) throws(ServeChoiceError) -> PCIAddress {
    for device in free {
      let place = PCIAddress(bus: 0, device: device, function: 0)
      if taken.insert(place).inserted { return place }
    }
    throw .full
  }
}
