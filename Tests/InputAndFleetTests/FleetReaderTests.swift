import HostSystem
import PCIe
import Placement
import TestSupport
import Testing

@testable import Commands

@Suite("Reading survey lines of a fleet")
struct FleetReaderTests {
  @Test(
    "counted lines add up to what each line says alone", arguments: 1...12 as ClosedRange<UInt64>)
  func counting(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let shapes = (0..<6).map { Self.shape($0) }
    let reader = FleetReader(messages: Messages())
    var expected = FleetSurvey()
    for number in 1...300 {
      let device = LoadedDevice(
        address: Self.addresses.randomElement(using: &generator) ?? nil,
        source: Self.sources.randomElement(using: &generator) ?? "",
        config: shapes[Int.random(in: 0..<shapes.count, using: &generator)])
      var json = JSONText()
      SurveyLine(device).write(of: device, to: &json)
      let line = Array(json.bytes.dropLast())
      reader.surveyLine(line.span, source: "lines", line: number)
      // The plain way: every line is parsed, and added on its own.
      let parsed = try SurveyLine(line, fallback: "lines line \(number)")
      try expected.add(KeyedEvidence(parsed.evidence), names: parsed.members)
    }
    #expect(reader.survey().models == expected.models)
    #expect(reader.survey().models == expected.models, "asking twice counts nothing twice")
  }

  @Test("the order of lines does not matter")
  func order() throws {
    var generator = SplitMix64(seed: 99)
    var lines: [[UInt8]] = []
    for index in 0..<400 {
      let device = LoadedDevice(
        address: PCIAddress(bus: UInt8(index / 8), device: 0, function: UInt8(index % 8)),
        source: "host\(index % 7)", config: Self.shape(index % 5))
      var json = JSONText()
      SurveyLine(device).write(of: device, to: &json)
      lines.append(Array(json.bytes.dropLast()))
    }
    let plans = (0..<4).map { _ in
      lines.shuffle(using: &generator)
      let reader = FleetReader(messages: Messages())
      for line in lines { reader.surveyLine(line.span, source: "lines", line: 1) }
      return reader.survey().models.sorted { $0.model < $1.model }
    }
    #expect(plans.allSatisfy { $0 == plans[0] })
  }

  @Test("a line of any other layout is not cut, and is read all the same")
  func otherLayouts() throws {
    let device = LoadedDevice(
      address: PCIAddress(bus: 1, device: 2, function: 3), source: "a", config: Self.shape(0))
    var json = JSONText()
    SurveyLine(device).write(of: device, to: &json)
    let line = String(decoding: json.bytes.dropLast(), as: UTF8.self)
    let others = [
      line.replacing(":", with: " : ", maxReplacements: 1),
      line.replacing("\"source\":\"a\"", with: "\"source\":\"a\\u0062\""),
      line.replacing("\"address\":\"0000:01:02.3\"", with: "\"address\":null"),
      line.replacing("\"address\":\"0000:01:02.3\",\"source\":\"a\"", with: "\"source\":\"a\""),
    ]
    #expect(Self.isCut(line))
    let reader = FleetReader(messages: Messages())
    for other in others {
      #expect(other != line && !Self.isCut(other))
      reader.surveyLine(Array(other.utf8).span, source: "lines", line: 1)
    }
    #expect(reader.survey().members == others.count)
    #expect(
      reader.survey().models[0].shapes[0].members == ["0000:01:02.3 (a)", "0000:01:02.3 (ab)", "a"])
  }

  @Test("every prefix of a line is cut or not, and never read past its end")
  func prefixes() {
    let device = LoadedDevice(
      address: PCIAddress(bus: 1, device: 2, function: 3), source: "host", config: Self.shape(0))
    var json = JSONText()
    SurveyLine(device).write(of: device, to: &json)
    for count in 0..<json.bytes.count {
      let line = Array(json.bytes[..<count])
      guard let cut = SurveyLineCut(line.span) else { continue }
      let name = cut.name(in: line.span)
      #expect(name == "0000:01:02.3 (host)")
      var cache = SurveyLineCache()
      let isCounted = cache.count(cut, in: line.span)
      #expect(!isCounted)
    }
  }

  private static func isCut(_ line: String) -> Bool {
    let bytes = Array(line.utf8)
    return SurveyLineCut(bytes.span) != nil
  }

  /// Addresses that share their first bytes, and none.
  private static let addresses: [PCIAddress?] =
    [nil] + (0..<40).map { PCIAddress(bus: UInt8($0 / 3), device: UInt8($0 % 3), function: 0) }

  /// Sources in and out of ASCII, one that needs an escape, and one that is an address.
  private static let sources = [
    "", "host1", "host2", "host10", "a", "zürich", "zu\u{308}rich", "é", "\"quoted\"",
    "0000:00:00.0", "0000:01:01.0",
  ]

  private static func shape(_ index: Int) -> ConfigSpace {
    var builder = ConfigSpaceBuilder()
    builder.put32(0x1234_8086 + UInt32(index / 2) << 16, 0x0010_0000, 0x0200_0000, at: 0)
    builder.put8(0x40, at: 0x34)
    builder.put32(0x0002_0010, at: 0x40)
    builder.putExtendedHeader(id: 3, next: 0, at: 0x100)
    builder.put32(1, at: 0x200 + 0x10 * index)
    return builder.config
  }
}
