import Foundation
import PCIe
import Placement
import TestSupport
import Testing

@testable import Commands

@Suite("Reducing surveys, and the fast way of reading them")
struct ReducingTests {
  /// Lines of a fleet with many equal devices, some models in several layouts.
  private func lines(_ seed: UInt64, count: Int = 60) -> [[UInt8]] {
    var generator = SplitMix64(seed: seed)
    var kinds = (0..<4).compactMap { _ in Fixture.everything.randomElement(using: &generator) }
    for index in 0..<6 as Range<Int> {
      guard let kind = kinds.randomElement(using: &generator) else { continue }
      let config = Fixtures.mutated(kind.config, using: &generator)
      kinds.append(Fixture("\(kind.name) \(index)", config))
    }
    return (0..<count).compactMap { index in
      kinds.randomElement(using: &generator).map {
        Array(SurveyLineTests.text($0.loaded(index)).utf8)
      }
    }
  }

  @Test(
    "reduced lines plan as unreduced ones, in any order and again",
    arguments: 0..<25 as Range<UInt64>)
  func reduced(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let lines = lines(seed)
    let plain = FleetReading.read(Array(lines.joined()))
    #expect(plain.members == lines.count && plain.problems.isEmpty)
    let reduced = FleetReading.reduce(Array(lines.joined()))
    #expect(FleetReading.read(reduced) == plain)
    #expect(FleetReading.reduce(reduced) == reduced)
    // Cut anywhere, reduced apart, put together in any order.
    var parts: [[UInt8]] = [[], [], []]
    for line in lines.shuffled(using: &generator) {
      parts[Int.random(in: 0..<3, using: &generator)] += line
    }
    let pieces = parts.map { FleetReading.reduce($0) }.shuffled(using: &generator)
    #expect(FleetReading.reduce(Array(pieces.joined())) == reduced)
    #expect(FleetReading.read(Array(pieces.joined())) == plain)
    #expect(FleetReading.read(parts[0] + pieces[0].prefix(0) + parts[1] + parts[2]) == plain)
  }

  @Test("huge counts add up to a limit that can be read again")
  func counts() throws {
    let line = Array(
      SurveyLineTests.text(Fixture("s", SampleDevice.sapphireRapidsDSA).loaded()).utf8)
    var many = Array("{\"count\":9007199254740991,\"members\":[\"a\"],".utf8)
    let text = String(decoding: line, as: UTF8.self)
    let body = try #require(text.range(of: "\"survey\""))
    many += Array(text[body.lowerBound...].utf8)
    let reduced = FleetReading.reduce(many + many + line)
    let result = FleetReading.read(reduced + many + many)
    #expect(result.problems.isEmpty && result.members == 9_007_199_254_740_991)
    #expect(result.plans.count == 1 && result.plans[0].decision.offset == 0x230)
  }

  @Test("lines written in other ways mean the same", arguments: 0..<10 as Range<UInt64>)
  func otherForms(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let lines = lines(seed)
    let plain = FleetReading.read(Array(lines.joined()))
    let forms: [(String) throws -> String] = [
      { $0 },
      { $0.replacingOccurrences(of: "\n", with: "\r\n") },
      { "\n \n".replacingOccurrences(of: " ", with: "") + $0 + "\n\n" },
      { $0.replacingOccurrences(of: "{\"address\"", with: "{ \"address\"") },
      { $0.replacingOccurrences(of: ",\"survey\"", with: " ,\t\"survey\"") },
      { $0.replacingOccurrences(of: "}\n", with: "} \n") },
      { $0.replacingOccurrences(of: "\"address\":\"0000", with: "\"address\":\"\\u0030000") },
      {
        // Keys in another order.
        let parsed = try JSONSerialization.jsonObject(with: Data($0.utf8))
        let data = try JSONSerialization.data(withJSONObject: parsed, options: [.sortedKeys])
        return String(decoding: data, as: UTF8.self) + "\n"
      },
    ]
    var text = ""
    for line in lines {
      let form = try #require(forms.randomElement(using: &generator))
      text += try form(String(decoding: line, as: UTF8.self))
    }
    let end = text.hasSuffix("}\n") ? 1 : 0
    #expect(FleetReading.read(Array(text.utf8)) == plain)
    #expect(FleetReading.read(Array(text.utf8.dropLast(end))) == plain, "no line end at the end")
    for chunk in [1, 2, 7, 64, 1000] {
      #expect(FleetReading.read(Array(text.utf8), chunk: chunk) == plain)
    }
  }

  @Test("a line that is like a known one and says more is read in full")
  func lookalikes() {
    let line = SurveyLineTests.text(Fixture("s", SampleDevice.sapphireRapidsDSA).loaded())
    func members(_ change: (String) -> String) -> Int {
      FleetReading.read(Array((line + change(line) + change(line) + change(line)).utf8)).members
    }
    #expect(members { $0 } == 4)
    #expect(members { $0.replacingOccurrences(of: "}}\n", with: "},\"count\":5}\n") } == 16)
    let foreign = Array(
      line.replacingOccurrences(of: "}}\n", with: "},\"members\":[\"z\"]}\n").utf8)
    #expect(FleetReading.read(foreign + foreign).plans[0].conflicts.isEmpty)
    // A raw control character, or bytes that are not UTF-8, are no JSON, known object or not.
    for bad in ["\u{1}", "\t"] {
      #expect(members { $0.replacingOccurrences(of: "\"s\"", with: "\"s\(bad)\"") } == 1)
    }
  }

  @Test("garbage is reported line by line, and nothing else is lost")
  func garbage() throws {
    let folder = try TemporaryFolder()
    let line = SurveyLineTests.text(Fixture("s", SampleDevice.sapphireRapidsDSA).loaded())
    let long = "{" + String(repeating: " ", count: LineSplitter.limit) + "}\n"
    let file = try folder.write("f", line + "garbage\n\n" + line + long + "{}\n" + line.dropLast())
    let recorder = Recorder()
    SourceLoader(handler: recorder).load([file])
    #expect(recorder.lineNumbers == [1, 2, 4, 6, 7] && recorder.devices.isEmpty)
    #expect(
      recorder.problems == [.longLine(source: file, line: 5, limit: LineSplitter.limit)])
    let error = #expect(throws: SurveyLineError.self) {
      try SurveyLine(Array("{}".utf8), fallback: "")
    }
    #expect(
      "\(InputProblem.survey(source: "f", line: 6, "\(try #require(error))"))"
        == "f: line 6: not a survey line: \"survey\" is missing")
  }
}
