import Foundation
import HostABI
import PCIe
import TestSupport
import Testing

@testable import SoftHost

@Suite("VFIO: the capability lists that a program sees")
struct VFIOConfigChainTests {
  static let lspci = "/usr/bin/lspci"
  static let hasLspci: Bool = {
    let found = FileManager.default.isExecutableFile(atPath: lspci)
    if !found { print("lspci is not installed: the test that decodes with it is skipped") }
    return found
  }()

  /// The view of a function that is described by its config space alone.
  private func view(_ config: ConfigSpace) throws -> ConfigSpace {
    let function = try Functions.opened(.init(dumped: config, resetWorks: false))
    return try #require(function.view).config(function.registers)
  }

  /// Devices that vfio-pci would take.
  static let fixtures = Fixtures.all.filter { (try? FunctionDescription(dumped: $0.config)) != nil }
  static let dumps = RealDumps.all.filter { (try? FunctionDescription(dumped: $0.config)) != nil }

  @Test("142: the PASID capability is absent from the chain; ATS and PRI are present and read-only")
  func accelerator() throws {
    var function = try Functions.opened(Functions.accelerator())
    function.setPASIDControl(PASIDControl(rawValue: 5))
    function.setATS(true)
    function.setPRI(true)
    let seen = try ConfigSpace(function.read(at: at(7), count: 4096)).walkCapabilities()
    #expect(seen.isIntact)
    #expect(seen.extended.map(\.id) == [0x01, 0x18, 0x17, 0x02, 0x23, 0x0F, 0x13])
    // ATS shows what the host did, and stays so.
    #expect(try function.config(0x224) == 0x8000_0060)
    #expect(try function.setConfig(0x224, 0) == 4)
    #expect(try function.config(0x224) == 0x8000_0060 && function.isATSEnabled == true)
    #expect(try function.config(0x244) == 0x8000_0001)
    #expect(try function.setConfig(0x244, 0) == 4)
    #expect(try function.setConfig(0x24C, 0) == 4)
    #expect(try function.config(0x244) == 0x8000_0001 && function.isPRIEnabled == true)
    #expect(try function.config(0x24C) == 0x200)
    // The hidden one is where it was, for who knows the place.
    #expect(try function.config(0x230) == 0x2401_001B)
    #expect(try function.config(0x234) == 0x0005_1404)
  }

  @Test("a hidden capability first in the list leaves a placeholder")
  func placeholder() throws {
    var builder = Fixtures.endpoint()
    builder.putChain((0x1B, 0x100), (0x0F, 0x200))
    builder.put32(0x0000_1404, at: 0x104)
    let seen = try view(builder.config)
    #expect(seen.read32(0x100) == 0x2000_0000 && seen.read32(0x104) == 0x1404)
    // With nothing visible behind it, the list is empty.
    builder.putChain((0x1B, 0x100), (0x2E, 0x200))
    let empty = try view(builder.config)
    #expect(empty.read32(0x100) == 0 && empty.read32(0x200) == builder.config.read32(0x200))
  }

  @Test("capability IDs: what the sheet lists is shown, everything else is hidden")
  func ids() throws {
    let legacy: Set<UInt16> = [
      0x01, 0x02, 0x03, 0x05, 0x07, 0x08, 0x09, 0x10, 0x11, 0x12, 0x13,
    ]
    let extended: Set<UInt16> = [
      0x01, 0x02, 0x03, 0x04, 0x08, 0x09, 0x0B, 0x0D, 0x0E, 0x0F, 0x10, 0x12, 0x13, 0x15, 0x16,
      0x17, 0x18, 0x23,
    ]
    for id in UInt16(0)...0xFF {
      #expect((VFIOConfigRules.legacy(id) != nil) == legacy.contains(id))
      #expect((VFIOConfigRules.extended(id) != nil) == extended.contains(id))
      let kinds = [
        CapabilityCatalogue.kind(id, in: .legacy), CapabilityCatalogue.kind(id, in: .extended),
      ]
      #expect((kinds[0]?.shownByVFIO ?? false) == legacy.contains(id))
      #expect((kinds[1]?.shownByVFIO ?? false) == extended.contains(id))
    }
  }

  @Test("the lists agree with ConfigSpace.shownByVFIO", arguments: fixtures)
  func agreement(fixture: Fixture) throws { try check(fixture.config) }

  @Test("the lists of real devices agree with ConfigSpace.shownByVFIO", arguments: dumps)
  func agreement(dump: RealDump) throws { try check(dump.config) }

  private func check(_ config: ConfigSpace) throws {
    let walk = config.walkCapabilities()
    let seen = try view(config)
    guard walk.isIntact, config.size >= 256 else { return }
    let expected = config.shownByVFIO(walk)
    let ours = seen.walkCapabilities()
    let theirs = expected.walkCapabilities()
    #expect(
      ours.legacy.filter { $0.id != 0 }.map(\.reference)
        == theirs.legacy.filter { $0.id != 0 }.map(\.reference))
    // Entries of ID 0 stand apart: the kernel drops those that are not first. One whose length
    // field is zero it hides as well.
    guard walk.port.portType != nil,
      walk.extended.allSatisfy({
        $0.id != 0 && (![0x0B, 0x23].contains($0.id) || config.read32($0.offset + 4) >> 20 != 0)
      })
    else { return }
    #expect(ours.extended.map(\.reference) == theirs.extended.map(\.reference))
  }

  @Test("every ID is hidden or shown in each place of a list", arguments: UInt64(0)..<200)
  func randomLists(seed: UInt64) throws {
    let config = Fixtures.randomRegisters(seed: seed)
    let walk = config.walkCapabilities()
    let function = try Functions.opened(.init(config: config))
    let seen = try #require(function.view).config(function.registers)
    let shown = seen.walkCapabilities()
    let hidden = Set(walk.extended.map(\.offset)).subtracting(shown.extended.map(\.offset))
    for entry in walk.extended where hidden.contains(entry.offset) {
      let isShown = VFIOConfigRules.extended(entry.id) != nil
      // Shown ones vanish only with a length of zero, or behind a broken link.
      #expect(
        !isShown || config.read32(entry.offset + 4) >> 20 == 0 || !walk.isIntact
          || walk.port.portType == nil)
    }
  }

  @Test("lspci decodes what a program reads", .enabled(if: hasLspci))
  func decoded() throws {
    var function = try Functions.opened(Functions.accelerator())
    try function.enable()
    function.setPASIDControl(PASIDControl(rawValue: 5))
    function.setATS(true)
    let config = try ConfigSpace(function.read(at: at(7), count: 4096))
    let text = DumpTextWriter.text(
      address: SampleDevice.address, title: "System peripheral", config: config)
    let printed = try lspci(text)
    #expect(printed.contains("Address Translation Service (ATS)"))
    #expect(printed.contains("ATSCtl:\tEnable+"))
    #expect(printed.contains("Page Request Interface (PRI)"))
    #expect(printed.contains("MSI-X: Enable- Count=9"))
    #expect(printed.contains("Mem+ BusMaster+"))
    #expect(!printed.contains("PASID") || !printed.contains("Process Address Space ID"))
    #expect(!printed.contains("chain") && !printed.contains("<unreadable>"))
    // The device's own bytes have it.
    let own = DumpTextWriter.text(
      address: SampleDevice.address, title: "System peripheral", config: function.registers.config)
    #expect(try lspci(own).contains("Process Address Space ID (PASID)"))
  }

  private func lspci(_ text: String) throws -> String {
    let file = FileManager.default.temporaryDirectory.appending(component: UUID().uuidString)
    try Data(text.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: Self.lspci)
    process.arguments = ["-F", file.path, "-vvv"]
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let printed = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: printed, as: UTF8.self)
  }
}
