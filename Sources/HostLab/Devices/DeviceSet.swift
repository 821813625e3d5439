package import DeviceModels
package import PCIe
package import SoftHost

/// The devices of a host: descriptions for SoftHost, and the models that stand behind them.
///
/// First `hostDescription` describes a host, then `start` brings its devices to life.
package final class DeviceSet: Sendable {
  /// A device with a model, by its number.
  private struct Modelled: Sendable {
    let index: Int
    let function: ModelFunction
  }

  /// The devices in order: `vfio0` is the first.
  package let devices: [DeviceDescription]
  private let modelled: [Modelled]

  /// Makes devices of what a user asked for.
  ///
  /// - Parameters:
  ///   - choices: The devices in order.
  ///   - dumps: Reads the config spaces of a file.
  /// - Throws: ``DeviceChoiceError``.
  package init(
    _ choices: [DeviceChoice],
    dumps: (String) throws(DeviceChoiceError) -> [DumpedDevice] = DumpFile.read
  ) throws(DeviceChoiceError) {
    var devices: [DeviceDescription] = []
    var modelled: [Modelled] = []
    var taken = Set(choices.compactMap(\.address))
    var given = Set<PCIAddress>()
    for (index, choice) in choices.enumerated() {
      var address = choice.address
      let function: FunctionDescription
      switch choice.kind {
      case .accelerator(let options):
        let model = ModelFunction(DSADevice(options))
        function = try Self.describe("dsa") { () throws(DescriptionError) in
          try FunctionDescription(model)
        }
        modelled.append(Modelled(index: index, function: model))
        // Root complex integrated endpoints, one a bus as on the servers that have them.
        address = address ?? Self.free(SampleDevice.address, in: &taken)
      case .network:
        function = try Self.describe("nic") { () throws(DescriptionError) in
          try .plainNetworkFunction()
        }
        address = address ?? Self.free(PCIAddress(bus: 3, device: 0, function: 0), in: &taken)
      case .dump(let path, let sizes, let identity):
        let all = try dumps(path)
        // A file may hold many functions; the address says which, or where the first one is shown.
        guard let device = all.first(where: { $0.address == choice.address }) ?? all.first else {
          throw .file(path, reason: DumpFile.emptyReason)
        }
        function = try Self.describe(path) { () throws(DescriptionError) in
          try FunctionDescription(
            dumped: identity?.replacing(device.config) ?? device.config, sizes: sizes)
        }
        address = address ?? Self.free(device.address, in: &taken)
      }
      guard let address, given.insert(address).inserted else {
        throw .taken(address ?? SampleDevice.address)
      }
      devices.append(DeviceDescription(function, at: address, group: 10 + index))
    }
    self.devices = devices
    self.modelled = modelled
  }

  private static func describe(
    _ name: String, _ make: () throws(DescriptionError) -> FunctionDescription
  ) throws(DeviceChoiceError) -> FunctionDescription {
    do { return try make() } catch { throw .file(name, reason: "\(error)") }
  }

  /// The address, or the next bus where nothing is.
  private static func free(_ wanted: PCIAddress, in taken: inout Set<PCIAddress>) -> PCIAddress {
    var address = wanted
    while !taken.insert(address).inserted {
      address = PCIAddress(
        domain: address.bus == .max ? address.domain &+ 1 : address.domain, bus: address.bus &+ 1,
        device: address.device, function: address.function)
    }
    return address
  }

  /// A host with these devices behind one unit.
  ///
  /// - Parameters:
  ///   - unit: The unit.
  ///   - answersMockRequests: Whether the mock-device requests of the kernel's self-tests are answered.
  ///   - isStrict: Whether stale translations are noted.
  /// - Returns: The description.
  package func hostDescription(
    _ unit: UnitChoice, answersMockRequests: Bool = false, isStrict: Bool = false
  ) -> HostDescription {
    var devices = devices
    // A host without PASIDs does not enable those of its devices either.
    for index in devices.indices where unit.pasidBits == 0 { devices[index].enablesPASID = false }
    return HostDescription(
      units: [unit.description], devices: devices, answersMockRequests: answersMockRequests,
      isStrict: isStrict)
  }

  /// Brings the models to life; once for each set.
  ///
  /// - Parameters:
  ///   - host: A host made from ``hostDescription(_:answersMockRequests:isStrict:)``.
  ///   - trace: Hears what the devices do, if anybody wants to know.
  /// - Returns: The devices at work, which stop when they are told to.
  package func start(on host: SoftwareHost, trace: DeviceTrace? = nil) -> RunningDevices {
    let ports = modelled.map { device in
      let endpoint = host.endpoints[device.index]
      let port = EndpointPort(endpoint, of: host, trace: trace)
      let model = device.function.model
      device.function.connect(endpoint)
      endpoint.setResponseHandler { response in
        trace?.note(response, to: endpoint)
        model.respond(PageResponse(response))
      }
      model.connect(port)
      port.start(model)
      return (device.index, port)
    }
    return RunningDevices(Dictionary(uniqueKeysWithValues: ports))
  }
}

/// Devices whose models are at work, each on a thread of its own.
package final class RunningDevices: Sendable {
  /// By the device's number.
  private let ports: [Int: EndpointPort]

  init(_ ports: [Int: EndpointPort]) { self.ports = ports }

  /// What a device's model reaches of the host; `nil` for devices without one.
  func port(of device: Int) -> EndpointPort? { ports[device] }

  /// Ends the threads; what the devices were doing stays as it is.
  package func stop() { for port in ports.values { port.stop() } }

  deinit { stop() }
}

extension FunctionDescription {
  /// A function that a model stands behind.
  init(_ function: ModelFunction) throws(DescriptionError) {
    let model = function.model
    let bars = model.regions.map { region in
      BARDescription(
        index: region.index, kind: region.kind == .memory64 ? .memory64 : .memory32,
        byteCount: region.byteCount, isPrefetchable: region.isPrefetchable,
        backing: region.content == .memory ? .memory : .handler(ModelRegion(model, region.index)))
    }
    try self.init(config: model.config, bars: bars)
    self.model = function
  }
}
