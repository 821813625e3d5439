import Commands
import PCIe
import Testing

@Suite("Text report") struct TextReportTests {
  private func text(_ device: LoadedDevice, _ style: TextStyle = .plain) throws -> String {
    let inspected = try #require(Devices.inspect(device))
    return InspectTextReport.text(inspected, capability: PASIDCapability(), style: style)
  }

  @Test(arguments: [
    (Devices.sample, Golden.sample), (Devices.withoutPASID, Golden.withoutPASID),
    (Devices.oddities, Golden.oddities), (Devices.emptyList, Golden.emptyList),
    (Devices.lost, Golden.lost),
  ])
  func reads(device: LoadedDevice, golden: String) throws {
    #expect(try text(device) == golden)
  }

  @Test(arguments: Devices.all) func keepsItsWidthAndIsPlain(device: LoadedDevice) throws {
    try checkPlain(text(device))
  }

  @Test(arguments: Devices.all) func coloursChangeNothingElse(device: LoadedDevice) throws {
    let colored = try text(device, .ansi)
    #expect(colored.contains("\u{1B}["))
    #expect(colored.replacing(/\u{1B}\[[0-9;]*m/, with: "") == (try text(device)))
  }

  @Test func legendAccountsForEveryByte() throws {
    for device in Devices.all {
      let counts = try text(device).matches(of: /(\d+) B(?:\s)/).compactMap { Int($0.1) }
      #expect(counts.reduce(0, +) == device.config.size)
    }
  }

  @Test func saysWhereTheChoiceStandsWithAView() throws {
    let inspected = try #require(
      Devices.inspect(Devices.sample, view: Devices.withoutPASID.config))
    let text = InspectTextReport.text(inspected, capability: PASIDCapability(), style: .plain)
    #expect(text.contains("Process Address Space ID (hidden)"))
    #expect(text.contains("x-vpasid-cap-offset=0xff8"))
    try checkPlain(text)
  }

  @Test func refusesAnOffsetAndNamesOthers() throws {
    let inspected = try #require(Devices.inspect(Devices.withoutPASID, offset: 0x104))
    let text = InspectTextReport.text(inspected, capability: PASIDCapability(), style: .plain)
    #expect(text.contains("vPASID: refused\n"))
    #expect(text.contains("ask for another with --offset"))
    #expect(!text.contains("x-vpasid-cap-offset"))
  }

  @Test func keepsItsWidthForOtherSpaces() throws {
    for device in Devices.spaces { try checkPlain(text(device)) }
  }

  @Test func survivesNoise() throws {
    for seed in 0..<300 as Range<UInt64> { try checkPlain(text(Devices.noise(seed: seed))) }
  }

  private func checkPlain(_ text: String) throws {
    #expect(text.hasSuffix("\n"))
    for line in text.split(separator: "\n") {
      #expect(line.count <= InspectTextReport.width, "\(line)")
      #expect(!line.hasSuffix(" "), "\(line)")
      #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F ~= $0.value) })
    }
  }
}
