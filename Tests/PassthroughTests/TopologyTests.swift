import Hardware
import PCIe
import Passthrough
import Testing
import VirtualIOMMU

@Suite("The hierarchy says who a function is to its IOMMU")
struct TopologyTests {
  /// A hierarchy with one of everything; buses have the numbers of their names.
  struct Everything {
    var topology = PCITopology()
    let iommu = FakeIOMMU()
    var functions: [String: PCITopology.FunctionID] = [:]

    init() throws {
      let root = try topology.addRootBus(iommu: iommu)
      let bare = try topology.addRootBus(0x80)
      try add("integrated", .integratedEndpoint, on: root, 0)
      let rp = try add("rp", .rootPort, on: root, 1, 1)
      try add("endpoint", .endpoint, on: rp, 0)
      let up = try add("up", .upstreamPort, on: try add("rp2", .rootPort, on: root, 2, 2), 0, 3)
      let down = try add("down", .downstreamPort, on: up, 1, 4)
      try add("switched", .endpoint, on: down, 0)
      let bridge = try add(
        "bridge", .expressToPCIBridge, on: try add("rp3", .rootPort, on: root, 3, 5), 0, 6)
      try add("pci", .conventional, on: bridge, 4)
      let second = try add("second", .conventionalBridge, on: bridge, 5, 7)
      try add("deep", .conventional, on: second, 9)
      let old = try add("old", .conventionalBridge, on: root, 4, 8)
      try add("legacy", .conventional, on: old, 2)
      try add("elsewhere", .integratedEndpoint, on: bare, 3)
    }

    @discardableResult
    mutating func add(
      _ name: String, _ kind: PCIFunction.Kind, on bus: PCITopology.BusID, _ device: UInt8,
      _ number: UInt8 = 0
    ) throws -> PCITopology.BusID {
      let isPort = kind == .rootPort || kind == .downstreamPort
      let facts = PCIFunction(
        kind, passesPrefixes: kind != .conventional && kind != .conventionalBridge,
        accessControl: isPort ? AccessControl(offered: .offered) : nil)
      let function = try topology.add(facts, named: name, on: bus, device: device)
      functions[name] = function
      guard let behind = topology.bus(behind: function) else { return bus }
      topology.setNumber(number, of: behind)
      return behind
    }

    func requester(_ name: String) -> Requester? {
      functions[name].flatMap { topology.requester(of: $0) }
    }
  }

  /// Function, the ID its requests carry, and the bridge that gave it.
  static let identities: [(String, bus: UInt8, devfn: UInt8, alias: String?)] = [
    ("integrated", 0, 0, nil), ("endpoint", 1, 0, nil), ("switched", 4, 0, nil),
    // A bridge from PCI Express gives the number of its secondary bus, device and function 0.
    ("pci", 6, 0, "bridge"), ("second", 6, 0, "bridge"), ("deep", 6, 0, "bridge"),
    // A conventional bridge gives its own.
    ("legacy", 0, 4 << 3, "old"), ("elsewhere", 0x80, 3 << 3, nil),
  ]

  @Test("behind conventional bridges requests carry a bridge's ID", arguments: identities)
  func aliases(name: String, bus: UInt8, devfn: UInt8, alias: String?) throws {
    let requester = try #require(try Everything().requester(name))
    #expect(requester.id == RequesterID(bus: bus, devfn: devfn))
    #expect(requester.aliasedBy?.hasPrefix(alias ?? "?") ?? (alias == nil))
  }

  @Test("the IOMMU is that of the root bus; without one there are no flags")
  func iommu() throws {
    let all = try Everything()
    for (name, _, _, _) in Self.identities {
      let requester = try #require(all.requester(name))
      if name == "elsewhere" {
        #expect(requester.iommu == nil && requester.flags == [])
      } else {
        #expect(requester.iommu === all.iommu && requester.flags == FakeIOMMU.vtd)
      }
    }
  }

  /// A unit that does not say what it asks of the host.
  private final class SilentIOMMU: GuestIOMMU {
    let pasidWidth: UInt8 = 0
    let honoursExecute = false
    let honoursPrivileged = false
    let supportsATS = false
    let supportsPageRequests = false
    func add(_ device: HostIOMMUDevice, at requester: RequesterID) {}
    func remove(_ requester: RequesterID) {}
    func report(_ request: GuestPageRequest, from requester: RequesterID) -> Bool { false }
  }

  @Test("a unit that does not say what it asks for asks for nothing")
  func silent() throws {
    var topology = PCITopology()
    let bus = try topology.addRootBus(iommu: SilentIOMMU())
    let place = try topology.add(
      PCIFunction(.integratedEndpoint), named: "dev", on: bus, device: 1)
    #expect(topology.requester(of: place)?.flags == [])
  }

  @Test("requester IDs follow the bus numbers that the guest gives")
  func renumbering() throws {
    var all = try Everything()
    let bus = try #require(all.functions["rp"].flatMap { all.topology.bus(behind: $0) })
    all.topology.setNumber(0x42, of: bus)
    #expect(all.requester("endpoint")?.id == RequesterID(bus: 0x42, devfn: 0))
  }

  @Test("a place is taken once, and a port with something behind it stays")
  func places() throws {
    var all = try Everything()
    let port = try #require(all.functions["rp"])
    let endpoint = try #require(all.functions["endpoint"])
    let bus = try #require(all.topology.bus(behind: port))
    #expect(throws: TopologyError.placeTaken(by: "endpoint")) {
      _ = try all.topology.add(PCIFunction(.endpoint), named: "x", on: bus, device: 0)
    }
    #expect(throws: TopologyError.noSuchPlace(device: 32, function: 0)) {
      _ = try all.topology.add(PCIFunction(.endpoint), named: "x", on: bus, device: 32)
    }
    #expect(throws: TopologyError.busTaken(segment: 0, number: 0)) {
      _ = try all.topology.addRootBus()
    }
    #expect(throws: TopologyError.inUse("rp", by: "endpoint")) {
      try all.topology.remove(port)
    }
    try all.topology.remove(endpoint)
    try all.topology.remove(port)
    #expect(all.topology.requester(of: endpoint) == nil)
    #expect(all.topology.pasidPath(of: endpoint).obstacles == [.removed])
  }
}

@Suite("PASIDs need a way that carries them")
struct PASIDPathTests {
  typealias Everything = TopologyTests.Everything

  static let names: [(String, [String])] = [
    ("integrated", []), ("endpoint", []), ("switched", []),
    ("pci", ["conventional", "not-passable"]),
    ("deep", ["conventional", "conventional", "not-passable"]),
    ("legacy", ["conventional", "conventional"]),
  ]

  @Test("ports and endpoints pass, conventional PCI does not", arguments: names)
  func kinds(name: String, obstacles: [String]) throws {
    let all = try Everything()
    let function = try #require(all.functions[name])
    let path = all.topology.pasidPath(of: function)
    #expect(path.obstacles.map(\.name) == obstacles)
    #expect(path.isOpen == obstacles.isEmpty)
    #expect(!path.description.isEmpty)
  }

  /// What is taken from which function, and what then is in the way of the switched endpoint.
  static let cuts: [(String, @Sendable (inout PCIFunction) -> Void, String?)] = [
    ("switched", { $0.passesPrefixes = false }, "no-prefixes"),
    ("down", { $0.passesPrefixes = false }, "no-prefixes"),
    ("up", { $0.passesPrefixes = false }, "no-prefixes"),
    ("rp2", { $0.passesPrefixes = false }, "no-prefixes"),
    ("down", { $0.accessControl = nil }, "no-access-control"),
    ("rp2", { $0.accessControl = nil }, "no-access-control"),
    ("up", { $0.accessControl = nil }, nil),
    ("up", { $0.isMultiFunction = true }, "no-access-control"),
    ("switched", { $0.isMultiFunction = true }, "no-access-control"),
    // What a port does not offer is not demanded of it.
    ("rp2", { $0.accessControl = AccessControl(offered: []) }, nil),
    ("rp", { $0.passesPrefixes = false }, nil),
  ]

  @Test("each function on the way counts, and none beside it", arguments: cuts.indices)
  func cut(index: Int) throws {
    let (name, change, obstacle) = Self.cuts[index]
    var all = try Everything()
    let changed = try #require(all.functions[name])
    let switched = try #require(all.functions["switched"])
    var facts = try #require(all.topology.facts(of: changed))
    change(&facts)
    all.topology.update(facts, of: changed)
    #expect(
      all.topology.pasidPath(of: switched).obstacles.map(\.name) == (obstacle.map { [$0] } ?? []))
  }

  @Test("an endpoint on a root bus must be integrated")
  func rootBus() throws {
    var topology = PCITopology()
    let bus = try topology.addRootBus()
    let plain = try topology.add(
      PCIFunction(.endpoint, passesPrefixes: true), named: "plain", on: bus, device: 0)
    let collector = try topology.add(
      PCIFunction(.eventCollector, passesPrefixes: true), named: "rcec", on: bus, device: 1)
    #expect(topology.pasidPath(of: plain).obstacles.map(\.name) == ["not-integrated"])
    #expect(topology.pasidPath(of: collector).obstacles.map(\.name) == ["not-passable"])
  }

  @Test("our ports offer what is needed, and Linux turns it on")
  func emulatedPorts() throws {
    var topology = PCITopology()
    var bus = try topology.addRootBus()
    var ports: [(PCITopology.FunctionID, VirtualConfigSpace<ConfigSpace>)] = []
    for kind in [PCIFunction.Kind.rootPort, .upstreamPort, .downstreamPort] {
      let port = EmulatedPort.make(kind, vendorID: 0x1B36, deviceID: 0xC)
      let facts = PCIFunction(reading: port.physical)
      #expect(facts.kind == kind && facts.passesPrefixes)
      #expect(port.physical.walkCapabilities().problems.isEmpty)
      let function = try topology.add(facts, named: "\(kind)", on: bus, device: 0)
      bus = try #require(topology.bus(behind: function))
      ports.append((function, port))
    }
    let endpoint = try topology.add(
      PCIFunction(reading: SampleDevice.sapphireRapidsDSA), named: "dsa", on: bus, device: 0)
    #expect(topology.pasidPath(of: endpoint).isOpen)
    // As out of reset nothing is on.
    let asIs = topology.pasidPath(of: endpoint, judging: .enabled)
    #expect(asIs.obstacles.map(\.name) == ["access-control-off", "access-control-off"])
    for (function, port) in ports {
      var port = port
      let at = EmulatedPort.accessControlOffset
      port.write(port.read(.word, at: at + 4), .word, at: at + 6)
      let bytes = stride(from: 0, to: 4096, by: 1).map { UInt8(port.read(.byte, at: $0)) }
      topology.update(PCIFunction(reading: try ConfigSpace(bytes)), of: function)
    }
    #expect(topology.pasidPath(of: endpoint, judging: .enabled).isOpen)
  }
}
