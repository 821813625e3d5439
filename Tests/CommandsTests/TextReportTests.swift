import Commands
import PCIe
import Testing

@Suite("Text report") struct TextReportTests {
  private func text(_ device: LoadedDevice, _ style: TextStyle = .plain) throws -> String {
    let inspected = try #require(Fixture.inspect(device))
    return InspectTextReport.text(inspected, capability: PASIDCapability(), style: style)
  }

  @Test(arguments: [
    (Fixture.sample, Golden.sample), (Fixture.withoutPASID, Golden.withoutPASID),
    (Fixture.oddities, Golden.oddities), (Fixture.emptyList, Golden.emptyList),
    (Fixture.lost, Golden.lost),
  ])
  func reads(device: LoadedDevice, golden: String) throws {
    #expect(try text(device) == golden)
  }

  @Test(arguments: Fixture.all) func keepsItsWidthAndIsPlain(device: LoadedDevice) throws {
    try checkPlain(text(device))
  }

  @Test(arguments: Fixture.all) func coloursChangeNothingElse(device: LoadedDevice) throws {
    let colored = try text(device, .ansi)
    #expect(colored.contains("\u{1B}["))
    #expect(colored.replacing(/\u{1B}\[[0-9;]*m/, with: "") == (try text(device)))
  }

  @Test func legendAccountsForEveryByte() throws {
    for device in Fixture.all {
      let counts = try text(device).matches(of: /(\d+) B(?:\s)/).compactMap { Int($0.1) }
      #expect(counts.reduce(0, +) == device.config.size)
    }
  }

  @Test func saysWhereTheChoiceStandsWithAView() throws {
    let inspected = try #require(
      Fixture.inspect(Fixture.sample, view: Fixture.withoutPASID.config))
    let text = InspectTextReport.text(inspected, capability: PASIDCapability(), style: .plain)
    #expect(text.contains("Process Address Space ID (hidden)"))
    #expect(text.contains("x-vpasid-cap-offset=0xff8"))
    try checkPlain(text)
  }

  @Test func refusesAnOffsetAndNamesOthers() throws {
    let inspected = try #require(Fixture.inspect(Fixture.withoutPASID, offset: 0x104))
    let text = InspectTextReport.text(inspected, capability: PASIDCapability(), style: .plain)
    #expect(text.contains("vPASID: refused\n"))
    #expect(text.contains("ask for another with --offset"))
    #expect(!text.contains("x-vpasid-cap-offset"))
  }

  @Test func survivesNoise() throws {
    for seed in 0..<300 as Range<UInt64> { try checkPlain(text(Fixture.noise(seed: seed))) }
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
