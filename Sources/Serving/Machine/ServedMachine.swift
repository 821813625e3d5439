import DeviceModels
package import HostABI
import HostSystem
import Hardware
import PCIe
import Passthrough
import Synchronization
import VFIOUser
package import VirtualIOMMU

/// The devices that one guest is given, the unit in front of them, and their sockets.
package final class ServedMachine: ServingMachine {
  /// What stands behind one socket.
  package struct Served: Sendable {
    /// What it is called, and where the guest finds it.
    package let slot: ServedSlot
    /// What it is: `dsa`, `dump`, `nic`, `vfio`, `vtd`.
    package let kind: String
    /// For the names in a log.
    let logged: LoggedFunction
    let server: UserServer
    let client: ServedClient
    /// A device of ours.
    var model: ModelDevice?
    /// A device of the host.
    var passed: PassedDevice?
  }

  /// The devices, in the order of the options.
  package let devices: [Served]
  /// The unit's function, if the guest has one.
  package let unit: (served: Served, function: UnitFunction)?
  package let plan: VMMPlan
  private let table: (path: String, bytes: [UInt8])?
  /// The table's file, once it is there.
  private let tableFile = Mutex<FileIdentity?>(nil)
  private let routes: MessageRoutes
  private let begun = ContinuousClock.now

  /// Makes the machine; nothing listens yet.
  ///
  /// - Parameters:
  ///   - options: What is to be served.
  ///   - kernel: Who answers for devices of the host.
  ///   - trace: Hears of what happens.
  /// - Throws: ``ServeError``, ``ServeChoiceError``.
  package init(
    _ options: ServeOptions, kernel: any HostKernel, trace: any ServeTrace
  ) throws {
    let places = try ServedPlaces(options)
    let configuration = try options.unitConfiguration()
    let shared = configuration.map { _ in ServedMemory() }
    let routes = MessageRoutes(of: places.unit?.name ?? "iommu", trace: trace)
    self.routes = routes
    var vtd: VTdUnit?
    if let configuration, let shared {
      vtd = VTdUnit(configuration, memory: shared.memory, interrupts: routes)
    }
    let translator = vtd?.makeTranslator()
    var served: [Served] = []
    for (choice, slot) in zip(options.devices, places.devices) {
      let client = ServedClient(slot.name, trace)
      if case .vfio(let host) = choice.kind {
        let device = try Self.passed(host, slot, behind: vtd, on: kernel, routes, trace: trace)
        routes.add(device)
        served.append(
          Served(
            slot: slot, kind: choice.shortName,
            logged: LoggedFunction(
              slot.name, at: slot.place, config: device.shownConfig, kind: .other),
            server: UserServer(path: slot.socketPath, device: device, observer: client),
            client: client, passed: device))
        continue
      }
      let memory = shared ?? ServedMemory()
      let endpoint =
        if let vtd, let translator {
          vtd.endpoint(at: slot.requester, translatedBy: translator)
        } else {
          try Self.plainEndpoint(slot, memory, routes)
        }
      let model = try Self.model(of: choice)
      let device: ModelDevice
      do throws(ServeError) {
        device = try ModelDevice(
          slot.name, model, endpoint, memory: memory, ownsMemory: shared == nil, trace: trace,
          becameBusMaster: { [weak routes] in routes?.retry() })
      } catch {
        throw error.inFile(of: choice)
      }
      do throws(HostDeviceRefusal) {
        try vtd?.addEmulated(at: slot.requester, name: slot.name, deviceTLB: device)
      } catch {
        throw ServeError.place(device: slot.name)
      }
      routes.add(device.port)
      served.append(
        Served(
          slot: slot, kind: choice.shortName,
          logged: LoggedFunction(
            slot.name, at: slot.place, config: model.config,
            kind: choice.shortName == "dsa" ? .accelerator : .other),
          server: UserServer(path: slot.socketPath, device: device, observer: client),
          client: client, model: device))
    }
    devices = served
    if let vtd, let shared, let slot = places.unit {
      let function = UnitFunction(
        slot.name, vtd, memory: shared, routes: routes, trace: trace)
      let client = ServedClient(slot.name, trace)
      unit = (
        Served(
          slot: slot, kind: "vtd",
          logged: LoggedFunction(
            slot.name, at: slot.place, config: UnitConfig.space, kind: .unit(vtd.configuration)),
          server: UserServer(path: slot.socketPath, device: function, observer: client),
          client: client), function
      )
      table = (
        options.socketDirectory + "/" + Self.tableName,
        try Self.dmarTable(of: vtd.configuration, for: places.devices)
      )
    } else {
      unit = nil
      table = nil
    }
    plan = VMMPlan(
      devices: served.map(\.slot.planned), unit: places.unit?.planned, table: table?.path)
  }

  /// The file that tells a guest of the unit, in the folder of the sockets.
  package static let tableName = "dmar.bin"

  /// A way to memory for a device that no unit of ours stands in front of: a unit that is never on.
  private static func plainEndpoint(
    _ slot: ServedSlot, _ memory: ServedMemory, _ routes: MessageRoutes
  ) throws(ServeError) -> VTdEndpoint {
    do throws(VTdConfigurationError) {
      let unit = VTdUnit(try VTdConfiguration(), memory: memory.memory, interrupts: routes)
      return unit.endpoint(at: slot.requester, translatedBy: unit.makeTranslator())
    } catch {
      throw .unit(error)
    }
  }

  private static func model(
    of choice: ServedDeviceChoice
  ) throws -> any DeviceModel {
    switch choice.kind {
    case .accelerator(let options): return DSADevice(options)
    case .network:
      let config = SampleDevice.network
      return DumpModel(
        config, regions: DeviceRegion.dumped(config, sizes: [0: 0x2_0000, 3: 0x4000]))
    case .dump(let path, let sizes, let identity):
      let bytes: [UInt8]
      do throws(HostError) {
        bytes = try ByteStream.bytes(of: path, limit: DumpFile.limit)
      } catch {
        throw ServeError.file(path: path, "\(error.errno)")
      }
      let all = try DumpFile.devices(in: bytes, of: path)
      // A file may hold many functions; the address says which, or where the first one is shown.
      guard let device = all.first(where: { $0.address == choice.place }) ?? all.first else {
        throw ServeError.file(path: path, DumpFile.emptyReason)
      }
      let config = identity?.replacing(device.config) ?? device.config
      return DumpModel(config, regions: DeviceRegion.dumped(config, sizes: sizes))
    case .vfio: preconditionFailure("a device of the host has no model")
    }
  }

  private static func passed(
    _ choice: PassedDeviceChoice, _ slot: ServedSlot, behind unit: VTdUnit?,
    on kernel: any HostKernel, _ routes: MessageRoutes, trace: any ServeTrace
  ) throws -> PassedDevice {
    let host: HostDevice =
      switch choice.name {
      case .address(let address): .address(address)
      case .node(let path): .node(path)
      }
    let synthesis = SynthesisRequest(
      wantsPASID: choice.wantsPASID, offset: choice.pasidOffset)
    return try PassedDevice(
      slot.name, from: host, at: slot.requester, behind: unit, on: kernel, synthesis: synthesis,
      trace: trace, becameBusMaster: { [weak routes] in routes?.retry() })
  }

  // MARK: ServingMachine

  package var functions: [LoggedFunction] { all.map(\.logged) }

  /// Devices and unit.
  package var all: [Served] { devices + (unit.map { [$0.served] } ?? []) }

  package func start() throws {
    var started: [Served] = []
    for served in all {
      do {
        try served.server.start()
      } catch {
        for other in started { other.server.stop() }
        throw ServeError.socket(path: served.slot.socketPath, error)
      }
      started.append(served)
      served.model?.start()
    }
    // Only now is the folder ours: another server's table stays as it is.
    if let table {
      let file = try Self.write(table.bytes, to: table.path)
      tableFile.withLock { $0 = file }
    }
  }

  package func stop() {
    for served in all { served.server.stop() }
    for served in all {
      served.model?.stop()
      served.passed?.end()
      if served.model != nil { unit?.function.unit.remove(served.slot.requester) }
    }
    routes.end()
    // Only our own.
    let file = tableFile.withLock { $0.take() }
    if let table, let file,
      (try? Calls.facts(of: table.path, followingLinks: false))?.identity == file
    {
      try? Calls.removeFile(table.path)
    }
  }

  private static func write(_ bytes: [UInt8], to path: String) throws(ServeError) -> FileIdentity {
    // A server that was killed leaves its table behind; nothing else is replaced, or followed.
    if let facts = try? Calls.facts(of: path, followingLinks: false) {
      let isFile = facts.mode & 0o170_000 == 0o100_000
      guard isFile,
        (try? ByteStream.bytes(of: path, limit: 1 << 16))?.starts(with: "DMAR".utf8) == true
      else {
        throw .file(path: path, "a file of somebody else's stands there; use another --socket-dir")
      }
      try? Calls.removeFile(path)
    }
    do throws(CallFailure) {
      let writeCreateNew: Int32 = 0o301
      // As for the sockets, the umask says whether the group is let in, which the VMM may be in.
      let ownerAndGroup: UInt32 = 0o660
      let file = try Calls.open(path, flags: writeCreateNew, mode: ownerAndGroup)
      defer { try? Calls.close(file) }
      try Calls.writeAll(file, bytes)
      return try Calls.facts(of: file).identity
    } catch {
      throw .file(path: path, ServeEvent.name(error.errno))
    }
  }

  package func status() -> ServeStatus {
    let seconds = UInt64(clamping: (ContinuousClock.now - begun).components.seconds)
    return ServeStatus(
      seconds: seconds, devices: devices.map { $0.status(unit: unit?.function.unit) },
      unit: unit.map { $0.function.status($0.served) })
  }

  // MARK: The table

  /// The table that tells a guest of the unit.
  ///
  /// - Parameters:
  ///   - configuration: The unit.
  ///   - devices: What is behind it, each by its way: nothing else of the guest is.
  ///   - base: Where the registers are, if that is known.
  /// - Returns: The bytes.
  /// - Throws: ``ServeError``.
  package static func dmarTable(
    of configuration: VTdConfiguration, for devices: [ServedSlot],
    base: UInt64 = DMARPatch.placeholder
  ) throws(ServeError) -> [UInt8] {
    var structures: [DMARStructure] = [
      .unit(
        DMARUnit(
          base: base, byteCount: UnitConfig.byteCount, scopes: Self.unique(devices.map(\.scope))))
    ]
    let ports = Self.unique(devices.filter { $0.port != nil }.map(\.scope))
    if !ports.isEmpty {
      structures.append(.rootPortATS(segment: 0, allPorts: false, scopes: ports))
    }
    do throws(DMARTableError) {
      return try DMARTable(
        hostAddressWidth: configuration.addressWidth, structures: structures
      ).encoded()
    } catch {
      throw .table(error)
    }
  }

  private static func unique(_ scopes: [DMARScope]) -> [DMARScope] {
    var seen: Set<DMARScope> = []
    return scopes.filter { seen.insert($0).inserted }
  }
}
