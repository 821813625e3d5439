import Conformance
import DeviceModels
import HostABI
import HostLab
import SoftHost
import Testing

@Suite("The driver of an engine at work", .serialized)
struct EngineRunTests {
  /// A host with engines, and what keeps them at work.
  private static func host(
    _ devices: [String], _ unit: UnitChoice
  ) throws -> (host: SoftwareHost, running: RunningDevices) {
    let set = try DeviceSet(try devices.map { try DeviceChoice(parsing: $0) })
    let host = try SoftwareHost(set.hostDescription(unit, isStrict: true))
    return (host, set.start(on: host))
  }

  @Test(
    "every statement holds on a software engine",
    arguments: [("vtd", 1, 0), ("vtd", 7, 0), ("vtd", 40, 0), ("smmuv3", 4, 6)])
  func statements(_ kind: String, pasidCount: Int, lacking: Int) throws {
    let unit = UnitChoice(try #require(UnitChoice.Kind(rawValue: kind)))
    let (host, running) = try Self.host(["dsa@6a:01.0"], unit)
    defer { running.stop() }
    let run = try EngineRun(
      on: host.makeProcess(.root), paths: ["/dev/vfio/devices/vfio0"], pasidCount: pasidCount
    ) { line in
      if line.hasPrefix("FAILED") { Issue.record("\(line)") }
    }
    #expect(run.isGood)
    let lacked = run.results.count { if case .lacked = $0.outcome { true } else { false } }
    #expect(lacked == lacking)
    #expect(host.openContextCount == 0)
    #expect(host.chargedPageCount == 0)
  }

  @Test("a run may be short")
  func filter() throws {
    let (host, running) = try Self.host(["dsa"], UnitChoice())
    defer { running.stop() }
    func run(_ filter: String) throws -> EngineRun {
      try EngineRun(
        on: host.makeProcess(.root), paths: ["/dev/vfio/devices/vfio0"], pasidCount: 3,
        filter: filter
      ) { _ in }
    }
    let short = try run("nobody")
    #expect(short.results.count == 2)
    #expect(short.isGood)
    #expect(short.closingLine == "engine: 2 of 2 statements hold")
    #expect(try !run("no such step").isGood)
  }

  @Test("the engine is found among other devices")
  func among() throws {
    let (host, running) = try Self.host(["nic", "nic", "dsa"], UnitChoice())
    defer { running.stop() }
    let run = try EngineRun(
      on: host.makeProcess(.root), paths: (0..<4).map { "/dev/vfio/devices/vfio\($0)" },
      pasidCount: 2
    ) { _ in }
    #expect(run.device.hasPrefix("/dev/vfio/devices/vfio2: DSA version 0x100"))
    #expect(run.isGood)
  }

  @Test("a host without PASIDs is told, not tried")
  func withoutPASIDs() throws {
    var unit = UnitChoice()
    unit.pasidBits = 0
    let (host, running) = try Self.host(["dsa"], unit)
    defer { running.stop() }
    #expect(throws: EngineAbsence.self) {
      _ = try EngineRun(
        on: host.makeProcess(.root), paths: ["/dev/vfio/devices/vfio0"], pasidCount: 2
      ) { _ in }
    }
    #expect(host.openContextCount == 0)
  }
}
