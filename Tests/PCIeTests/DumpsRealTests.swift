import Foundation
import TestSupport
import Testing

@testable import PCIe

@Suite("Text dumps: real devices and lspci")
struct DumpsRealTests {
  static let program = "/usr/bin/lspci"
  static let hasLspci = FileManager.default.isExecutableFile(atPath: program)

  /// The files of real dumps with their text; none when the folder is absent.
  static let texts: [(name: String, text: [UInt8])] = {
    guard let folder = RealDumps.folder else { return [] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".txt") }.sorted().compactMap { name in
      FileManager.default.contents(atPath: "\(folder)/\(name)").map { (name, [UInt8]($0)) }
    }
  }()

  @Test("every dump is one device of 4096 bytes", .enabled(if: RealDumps.folder != nil))
  func real() throws {
    #expect(Self.texts.count == 123)
    for (name, text) in Self.texts {
      let events = Dumps.events(text)
      let agrees = DumpsReference.outcomes(events) == DumpsReference.outcomes(text)
      #expect(agrees, "\(name)")
      let device = try #require(events.devices.first, "\(name)")
      #expect(events.count == 1 && device.config.size == 4096, "\(name)")
      // What the files hold is what the writer writes, up to the domain and the blank line.
      let written = DumpTextWriter.text(
        address: device.address, title: device.title, config: device.config)
      let rows = text.drop { $0 != 10 }
      #expect(written.utf8.drop { $0 != 10 }.elementsEqual(rows + [10]), "\(name)")
    }
  }

  @Test("all dumps in one text", .enabled(if: RealDumps.folder != nil))
  func together() {
    let devices = Self.texts.flatMap { Dumps.events($0.text).devices }
    // Neither a blank line nor anything else but the next device line stands between them.
    let all = Dumps.events(Array(Self.texts.map(\.text).joined()), chunks: [65536])
    // Here and below, expectations would take minutes to show how such arrays differ.
    let isSame = all.devices.map(\.config) == devices.map(\.config)
    #expect(isSame)
    #expect(all.count == devices.count)
  }

  @Test(
    "lspci reads what is written and prints the same", .enabled(if: hasLspci), arguments: [0, 1])
  func lspciRoundTrip(domain: UInt32) throws {
    var devices = [SampleDevice.sapphireRapidsDSA]
    devices += ConfigSpace.sizes.map { size in
      var bytes = Dumps.bytes(size)
      // lspci believes in a size of 128 only when the header is that of a CardBus bridge.
      bytes[0x0E] = size == 128 ? 2 : 0
      return ConfigSpace(unchecked: bytes)
    }
    devices += Self.texts.flatMap { Dumps.events($0.text).devices.map(\.config) }
    var ours: [UInt8] = []
    for (index, config) in devices.enumerated() {
      let address = PCIAddress(
        domain: domain, bus: UInt8(index / 32), device: UInt8(index % 32), function: 0)
      DumpTextWriter.append(
        address: address, title: index == 1 ? "" : "x", config: config, to: &ours)
    }
    let printed = try run(["-xxxx"], on: ours)
    let theirs = Dumps.events(printed)
    let isSame = theirs.devices.map(\.config) == devices
    #expect(isSame)
    #expect(theirs.count == devices.count)
    // Their titles put into our text make it the same to the byte.
    var again: [UInt8] = []
    for device in theirs.devices {
      DumpTextWriter.append(
        address: device.address, title: device.title, config: device.config, to: &again)
    }
    let isExact = again == printed
    #expect(isExact)
  }

  @Test(
    "the details of lspci do not disturb", .enabled(if: hasLspci),
    arguments: ["-v", "-vvv", "-nnk"])
  func mixed(option: String) throws {
    var ours: [UInt8] = []
    let configs =
      [SampleDevice.sapphireRapidsDSA]
      + Self.texts.flatMap { text in
        Dumps.events(text.text).devices.map(\.config)
      }
    for (index, config) in configs.enumerated() {
      let address = PCIAddress(bus: UInt8(index), device: 0, function: 0)
      DumpTextWriter.append(address: address, title: "x", config: config, to: &ours)
    }
    let events = Dumps.events(try run([option, "-D", "-xxxx"], on: ours))
    let isSame = events.devices.map(\.config) == configs
    #expect(isSame)
    #expect(events.count == configs.count)
  }

  /// What `lspci` prints about a dump.
  private func run(_ options: [String], on dump: [UInt8]) throws -> [UInt8] {
    let file = FileManager.default.temporaryDirectory.appending(component: UUID().uuidString)
    try Data(dump).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: Self.program)
    process.arguments = ["-F", file.path] + options
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let printed = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return [UInt8](printed)
  }
}
