import Testing

@testable import Serving

extension LaunchCommandTests {
  @Test(
    "ids and places that are the user's are an error",
    arguments: [
      ["-object", "memory-backend-ram,id=passage-ram,size=1G"],
      ["-device", "e1000e,addr=8"], ["-device", "e1000e,addr=08.1"],
      ["-device", "e1000e,bus=pcie.0,addr=0x5"],
      ["-device", #"{"driver":"e1000e","addr":"05.0"}"#],
    ])
  func conflicts(words: [String]) throws {
    let option = words.joined(separator: " ")
    do {
      _ = try command(words)
      Issue.record("no error")
    } catch VMMCommandError.idTaken(_, let found) {
      #expect(found == option)
    } catch VMMCommandError.placeTaken(_, _, let found) {
      #expect(found == option)
    }
  }

  @Test(
    "places elsewhere are none of ours",
    arguments: [
      "e1000e,addr=10", "e1000e,bus=port,addr=8", "e1000e", #"{"driver":"e1000e","addr":"04.0"}"#,
      "virtio-serial-pci,addr=zz",
    ])
  func noConflicts(device: String) throws {
    #expect(try command(["-device", device]).words.contains(device))
  }

  @Test("behind root ports the ports come first, with chassis of their own")
  func ports() throws {
    let plan = VMMPlan(
      devices: [
        .init(name: "a", place: VMMPlace(port: 0x11, device: 0), socket: "/a"),
        .init(name: "b", place: VMMPlace(port: 0x10, device: 0), socket: "/b"),
        .init(name: "c", place: VMMPlace(port: 0x10, device: 0, function: 1), socket: "/c"),
      ])
    let command = try command(
      ["-m", "1G", "-device", "pcie-root-port,id=x,chassis=1,addr=1c"], plan)
    #expect(
      values("-device", command) == [
        "pcie-root-port,id=passage-port0,bus=pcie.0,addr=10.0,chassis=2,slot=16",
        "pcie-root-port,id=passage-port1,bus=pcie.0,addr=11.0,chassis=3,slot=17",
        #"{"driver":"vfio-user-pci","bus":"passage-port1","addr":"00.0","#
          + #""socket":{"path":"/a","type":"unix"}}"#,
        #"{"driver":"vfio-user-pci","bus":"passage-port0","addr":"00.0","multifunction":true,"#
          + #""socket":{"path":"/b","type":"unix"}}"#,
        #"{"driver":"vfio-user-pci","bus":"passage-port0","addr":"00.1","#
          + #""socket":{"path":"/c","type":"unix"}}"#,
      ])
  }

  @Test(
    "places that are none, or given twice, are errors",
    arguments: [
      [VMMPlace(device: 32)], [VMMPlace(device: 1, function: 8)], [VMMPlace(port: 4, device: 1)],
      [VMMPlace(port: 32, device: 0)], [VMMPlace(device: 5)],
      [VMMPlace(device: 9), VMMPlace(device: 9)],
      [VMMPlace(device: 9), VMMPlace(port: 9, device: 0)],
    ])
  func places(places: [VMMPlace]) {
    var plan = Self.plan
    plan.devices = places.map { VMMPlan.Function(name: "x", place: $0, socket: "/x") }
    #expect(throws: VMMCommandError.self) { try command([], plan) }
  }

  private static let behindPorts = VMMPlan(
    devices: [
      .init(name: "a", place: VMMPlace(port: 0x10, device: 0), socket: "/a"),
      .init(name: "b", place: VMMPlace(port: 0x11, device: 0), socket: "/b"),
    ])

  @Test(
    "a bridge whose bus would take a promised number is an error that says where it can stand",
    arguments: [
      "pcie-root-port,id=x", "pcie-root-port,addr=2", "pcie-root-port,bus=pcie.0,addr=0xf.0",
      "pci-bridge,bus=passage-port0,chassis_nr=1", "pxb-pcie,addr=1c,bus_nr=2",
      "x3130-upstream,addr=zz", #"{"driver":"pcie-pci-bridge","addr":"0f.7"}"#,
    ])
  func earlierBuses(device: String) {
    let option = "-device " + device
    let error = VMMCommandError.busNumbers(option: option, slot: 0x11, count: 2)
    #expect(throws: error) { try command(["-device", device], Self.behindPorts) }
    #expect("\(error)".contains("an addr above 11 "))
  }

  @Test(
    "bridges behind the ports, in slots or by what they stand on, keep the order",
    arguments: [
      "pcie-root-port,addr=12", "pcie-root-port,bus=pcie.0,addr=0x1e.3", "x3130-upstream,bus=port",
      "pxb-pcie,addr=1c,bus_nr=80", "e1000e,addr=2",
    ])
  func laterBuses(device: String) throws {
    #expect(try command(["-device", device], Self.behindPorts).words.contains(device))
    // Without root ports of ours nobody was promised a number.
    #expect(
      try command(["-device", "pcie-root-port,addr=1"]).words.contains("pcie-root-port,addr=1"))
  }
}
