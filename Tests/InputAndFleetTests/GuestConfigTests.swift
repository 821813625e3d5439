import Foundation
import Hardware
import PCIe
import TestSupport
import Testing

@testable import Commands

/// The guest's config space as `lspci` reads it, which the project did not write.
@Suite("What lspci shows", .enabled(if: Program.path != nil && Program.lspci != nil))
struct GuestConfigTests {
  @Test("of each fixture and dump: the old capabilities and PASID at the chosen offset")
  func guest() throws {
    // lspci looks for extended capabilities of PCI Express functions only, and gives up at a
    // capability that a partial read ends within.
    let fixtures = Fixture.everything.filter {
      $0.config.size == ConfigSpace.extendedSize
        && $0.config.walkCapabilities().port.portType != nil && $0.config.headerType < 2
    }
    let folder = try TemporaryFolder()
    // One folder a device would be slow, and one file would make them each other's evidence: so
    // each gets a device ID of its own.
    var devices: [(fixture: Fixture, address: PCIAddress)] = []
    var text = ""
    for (index, fixture) in fixtures.enumerated() {
      var builder = ConfigSpaceBuilder(fixture.config)
      builder.put16(UInt16(index), at: 2)
      let device = Fixture(fixture.name, builder.config)
      let address = PCIAddress(bus: UInt8(index / 32 + 1), device: UInt8(index % 32), function: 0)
      devices.append((device, address))
      text += DumpTextWriter.text(address: address, title: "x", config: device.config)
    }
    let file = try folder.write("all", text)
    let inspected = try InspectedJSON(Program.run("inspect", "--json", file).output).devices
    let emitted = try Program.run("inspect", "--emit-config", file)
    #expect(inspected.count == devices.count && inspected.count > 20)
    let before = try shown(file)
    let after = try shown(folder.write("guest", emitted.output))
    for ((fixture, address), json) in zip(devices, inspected) {
      let placement = try #require(json["placement"] as? [String: Any])
      let name = "\(address)".dropFirst(5)
      guard let offset = placement["offset"] as? Int else {
        #expect(after["\(name)"] == nil, "\(fixture)")
        continue
      }
      let old = try #require(before["\(name)"])
      let new = try #require(after["\(name)"], "\(fixture)")
      let pasid = "Capabilities: [\(offset.hex(digits: 3)) v1] Process Address Space ID (PASID)"
      // An entry of ID 0 is a placeholder, which lspci calls Null.
      let isNull = { (line: String) in line.contains("[100 v0] Null") }
      let isPresent = placement["grade"] as? String == "present"
      if isPresent {
        #expect(new == old, "\(fixture)")
      } else {
        #expect(new.contains(pasid), "\(fixture): \(new)")
        #expect(
          new.filter { $0 != pasid && !isNull($0) } == old.filter { !isNull($0) }, "\(fixture)")
      }
    }
  }

  /// The lines that name capabilities, by device.
  private func shown(_ file: String) throws -> [String: [String]] {
    let result = try Program.run(try #require(Program.lspci), ["-F", file, "-vvv"])
    #expect(result.status == 0, "\(result.errors)")
    var devices: [String: [String]] = [:]
    var name = ""
    for line in result.output.split(separator: "\n") {
      if let first = line.first, !first.isWhitespace {
        name = String(line.prefix { $0 != " " })
        devices[name] = []
      } else if let range = line.range(of: "Capabilities: [") {
        devices[name]?.append(String(line[range.lowerBound...]))
      }
    }
    return devices
  }
}
