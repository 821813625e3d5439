import Foundation
import Hardware
import PCIe
import Placement
import TestSupport
import Testing

@testable import Commands

@Suite("Survey lines")
struct SurveyLineTests {
  static func text(_ device: LoadedDevice) -> String {
    var json = JSONText()
    SurveyLine(device).write(of: device, to: &json)
    return json.text
  }

  @Test("what was written is read", arguments: Fixture.everything)
  func roundTrip(_ fixture: Fixture) throws {
    let device = fixture.loaded(7)
    let text = Self.text(device)
    #expect(text.hasSuffix("}\n") && text.split(separator: "\n").count == 1)
    let line = try SurveyLine(Array(text.utf8.dropLast()), fallback: "nobody")
    #expect(line == SurveyLine(device))
    #expect(line.members == [device.name] && line.count == 1)
    #expect(
      line.evidence == PlacementEvidence(layout: LayoutMap(of: device.config), of: device.config))
  }

  @Test("what a view hides is kept as well")
  func hidden() throws {
    let config = SampleDevice.sapphireRapidsDSA
    var builder = ConfigSpaceBuilder(config)
    builder.putExtendedHeader(id: 0x0F, next: 0x240, at: 0x220)
    builder.put32(0, 0, at: 0x230)
    let line = SurveyLine(
      evidence: PlacementEvidence(
        layout: LayoutMap(of: config), of: config, view: builder.config),
      classCode: 0xFF_FFFF, subsystem: .max, configSize: 4096, count: 3,
      members: ["a\"\\\n\u{1}", "ü"])
    #expect(line.evidence.hiddenPASID != nil)
    var json = JSONText()
    json.object { json in
      json.integer("count", line.count)
      json.strings("members", line.members)
      line.writeBody(to: &json)
    }
    #expect(try SurveyLine(json.bytes, fallback: "") == line)
  }

  /// A line of the sample with one piece of text replaced.
  private func changed(_ old: String, _ new: String) throws -> SurveyLine {
    let text = Self.text(Fixture("s", SampleDevice.sapphireRapidsDSA).loaded())
    try #require(text.contains(old), "\(text)")
    return try SurveyLine(
      Array(text.replacingOccurrences(of: old, with: new).utf8.dropLast()), fallback: "f 1")
  }

  @Test(
    "what no survey writes is refused, and the message says where",
    arguments: [
      ("\"schema\":1", "\"schema\":2", "schema 2 is not known: expected 1"),
      ("\"schema\":1,", "", "\"survey.schema\" is missing"),
      ("\"vendorID\":32902", "\"vendorID\":65536", "vendorID is 65536: expected 0 to 65535"),
      ("\"vendorID\":32902", "\"vendorID\":-1", "vendorID is -1: expected 0 to 65535"),
      ("\"revision\":0", "\"revision\":256", "revision is 256: expected 0 to 255"),
      ("\"revision\":0", "\"revision\":1e99", "no JSON, or a number that does not fit"),
      ("\"deviceID\":2853", "\"deviceID\":\"2853\"", "deviceID"),
      ("\"class\":557056", "\"class\":16777216", "class is 16777216: expected 0 to 16777215"),
      ("\"configSize\":4096", "\"configSize\":4095", "configSize is 4095: expected 64, 128"),
      ("\"configSize\":4096", "\"configSize\":-9223372036854775808", "configSize is -92"),
      ("\"configSize\":4096", "\"configSize\":9223372036854775808", "does not fit"),
      ("\"space\":\"usable\"", "\"space\":\"full\"", "space is \"full\": expected usable"),
      ("\"capabilities\":[[256,", "\"capabilities\":[[252,", "capabilities has an entry"),
      ("\"capabilities\":[[256,", "\"capabilities\":[[258,", "capabilities has an entry"),
      ("\"capabilities\":[[256,1,", "\"capabilities\":[[256,65536,", "capabilities has an entry"),
      ("\"capabilities\":[[256,1,2,", "\"capabilities\":[[256,1,16,", "capabilities has an entry"),
      ("\"capabilities\":[[", "\"capabilities\":[[],[", "capabilities has an entry"),
      ("\"hidden\":[", "\"hidden\":[[256,1,1,0]", "hidden has an entry"),
      ("\"hidden\":[", "\"hidden\":[[256,1,1,99999]", "hidden has an entry"),
      ("\"stray\":[", "\"stray\":[[256,258]", "stray has an entry"),
      ("\"stray\":[", "\"stray\":[[0,3]", "stray has an entry"),
      ("\"stray\":[", "\"stray\":[[260,259]", "stray has an entry"),
      ("\"stray\":[", "\"stray\":[[256,4099]", "stray has an entry"),
      ("\"stray\":[", "\"stray\":[[-4,9223372036854775807]", "stray has an entry"),
      ("{\"address\"", "{\"count\":0,\"address\"", "count is 0: expected 1 to 9007199254740991"),
      ("{\"address\"", "{\"count\":-1,\"address\"", "count is -1"),
      (
        "{\"address\"", "{\"count\":9223372036854775807,\"address\"", "count is 9223372036854775807"
      ),
      ("{\"address\"", "[{\"address\"", ""),
      ("}", "", ""),
    ])
  func refused(old: String, new: String, words: String) throws {
    let error = #expect(throws: SurveyLineError.self) { try changed(old, new) }
    #expect(try #require(error).description.mentions(words), "\(String(describing: error))")
  }

  @Test("names come from members, then address and source, then the line")
  func names() throws {
    #expect(try changed("\"source\":\"s\"", "\"source\":null").members == ["0000:00:00.0"])
    #expect(try changed("\"address\":\"0000:00:00.0\"", "\"address\":null").members == ["s"])
    #expect(try changed("\"source\":\"s\"", "\"members\":[\"x\",\"y\"],\"count\":9").count == 9)
    #expect(try changed("\"address\":\"0000:00:00.0\",\"source\":\"s\",", "").members == ["f 1"])
    #expect(
      try changed("\"address\":\"0000:00:00.0\",\"source\":\"s\"", "\"members\":[]").members
        == ["f 1"])
  }
}
