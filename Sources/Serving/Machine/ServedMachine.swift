package import DeviceModels
package import HostABI
import HostSystem
import Hardware
import Synchronization
import VFIOUser
package import VirtualIOMMU

/// The devices that one guest is given, the unit in front of them, and their sockets.
package final class ServedMachine: Sendable {
  /// What stands behind one socket.
  package struct Served: Sendable {
    /// What the operator calls it.
    package let name: String
    /// Where the guest is to find it.
    package let place: GuestPlace
    /// Its socket.
    package let path: String
    /// What it is, in words: "dsa", "a dump of …".
    package let kind: String
    let server: UserServer
    let model: ModelDevice?
  }

  /// A device that is to be served.
  package struct Plan: Sendable {
    package var name: String
    package var kind: String
    package var place: GuestPlace
    package var model: any DeviceModel

    package init(name: String, kind: String, place: GuestPlace, model: any DeviceModel) {
      self.name = name
      self.kind = kind
      self.place = place
      self.model = model
    }
  }

  /// The devices in order.
  package let devices: [Served]
  /// The unit's function, if the guest has one.
  package let unit: (served: Served, function: UnitFunction)?
  private let trace: any ServeTrace

  /// Makes the machine; nothing listens yet.
  ///
  /// - Parameters:
  ///   - plans: The devices.
  ///   - configuration: The unit in front of them; `nil` for none.
  ///   - unitPlace: Where the guest finds the unit.
  ///   - directory: Where the sockets go.
  ///   - trace: Hears of what happens.
  /// - Throws: ``ServeError``.
  package init(
    _ plans: [Plan], unit configuration: VTdConfiguration?,
    at unitPlace: GuestPlace = GuestPlace(device: 5), in directory: String,
    trace: any ServeTrace
  ) throws(ServeError) {
    self.trace = trace
    var served: [Served] = []
    let shared = configuration.map { _ in ServedMemory() }
    let routes = MessageRoutes(of: "iommu", trace: trace)
    var vtd: VTdUnit?
    if let configuration, let shared {
      vtd = VTdUnit(configuration, memory: shared.memory, interrupts: routes)
    }
    let translator = vtd?.makeTranslator()
    for plan in plans {
      let memory = shared ?? ServedMemory()
      let endpoint: VTdEndpoint
      if let vtd, let translator {
        endpoint = vtd.endpoint(at: plan.place.requester, translatedBy: translator)
      } else {
        endpoint = try Self.plainEndpoint(plan.place.requester, memory, routes)
      }
      let device = try ModelDevice(
        plan.name, plan.model, endpoint, memory: memory, ownsMemory: shared == nil, trace: trace)
      if let vtd {
        do throws(HostDeviceRefusal) {
          try vtd.addEmulated(at: plan.place.requester, name: plan.name, deviceTLB: device)
        } catch {
          throw .place(device: plan.name)
        }
      }
      routes.add(device.port)
      let path = directory + "/" + plan.name + ".sock"
      served.append(
        Served(
          name: plan.name, place: plan.place, path: path, kind: plan.kind,
          server: UserServer(
            path: path, device: device, observer: ServerTrace(plan.name, trace)), model: device))
    }
    devices = served
    if let vtd, let shared {
      let function = UnitFunction("iommu", vtd, memory: shared, trace: trace)
      let path = directory + "/iommu.sock"
      unit = (
        Served(
          name: "iommu", place: unitPlace, path: path, kind: "VT-d unit",
          server: UserServer(path: path, device: function, observer: ServerTrace("iommu", trace)),
          model: nil), function
      )
    } else {
      unit = nil
    }
  }

  /// A way to memory for a device that no unit of ours stands in front of: a unit that is never on.
  private static func plainEndpoint(
    _ requester: RequesterID, _ memory: ServedMemory, _ routes: MessageRoutes
  ) throws(ServeError) -> VTdEndpoint {
    do throws(VTdConfigurationError) {
      let unit = VTdUnit(try VTdConfiguration(), memory: memory.memory, interrupts: routes)
      return unit.endpoint(at: requester, translatedBy: unit.makeTranslator())
    } catch {
      throw .unit(error)
    }
  }

  /// Listens on all sockets, and lets the devices work.
  ///
  /// - Throws: ``ServeError``; then nothing listens.
  package func start() throws(ServeError) {
    var started: [Served] = []
    for served in all {
      do {
        try served.server.start()
      } catch {
        for other in started { other.server.stop() }
        throw .socket(path: served.path, "\(error)")
      }
      started.append(served)
      served.model?.start()
    }
  }

  /// Lets all clients go, and ends the devices.
  package func stop() {
    for served in all { served.server.stop() }
    for served in all { served.model?.stop() }
  }

  /// Devices and unit.
  package var all: [Served] { devices + (unit.map { [$0.served] } ?? []) }

  /// The table that tells a guest of the unit; `nil` without one.
  ///
  /// - Parameter base: Where the registers are, if that is known.
  /// - Returns: The bytes.
  /// - Throws: ``ServeError``.
  package func dmarTable(base: UInt64? = nil) throws(ServeError) -> [UInt8]? {
    guard let unit else { return nil }
    let configuration = unit.function.unit.configuration
    var structures: [DMARStructure] = [
      .unit(
        DMARUnit(
          base: base ?? DMARPatch.placeholder, byteCount: UnitConfig.byteCount,
          scopes: devices.map(\.place.scope)))
    ]
    let ports = devices.filter { $0.place.port != nil }.map(\.place.scope)
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
}

/// Why devices cannot be served.
package enum ServeError: Error, CustomStringConvertible {
  /// There is no memory for a device's regions.
  case noMemory(device: String, LinuxErrno)
  /// Two devices stand at one place.
  case place(device: String)
  /// The unit cannot be what was asked for.
  case unit(VTdConfigurationError)
  /// The guest cannot be told of it.
  case table(DMARTableError)
  /// A socket cannot be had.
  case socket(path: String, String)
  /// A device cannot be made, and why.
  case device(String, String)
  /// A file or directory cannot be used.
  case file(path: String, String)

  /// What is wrong, with which device, and what to do.
  package var description: String {
    switch self {
    case .noMemory(let device, let errno):
      "\(device): no memory for its regions (errno \(errno.rawValue))"
    case .place(let device): "\(device): another device stands at its place; give it one with @BDF"
    case .unit(let error): "the VT-d unit: \(error.description)"
    case .table(let error): "the DMAR table: \(error.description)"
    case .socket(let path, let why): "\(path): \(why)"
    case .device(let name, let why): "\(name): \(why)"
    case .file(let path, let why): "\(path): \(why)"
    }
  }
}
