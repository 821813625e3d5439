import Foundation
import PCIe
import Placement
import TestSupport
import Testing

@testable import Commands

@Suite("Pin files")
struct PinFileTests {
  @Test("what was written is read", arguments: 0..<10 as Range<UInt64>)
  func roundTrip(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    var fleet = FleetSurvey()
    var members: [PlacementEvidence] = []
    for index in 0..<Int.random(in: 0...60, using: &generator) {
      var config = try #require(Fixture.everything.randomElement(using: &generator)).config
      if Bool.random(using: &generator) {
        var builder = ConfigSpaceBuilder(config)
        builder.put8(UInt8.random(in: 0...9, using: &generator), at: 0xFFC % config.size)
        config = builder.config
      }
      let evidence = PlacementEvidence(layout: LayoutMap(of: config), of: config)
      members.append(evidence)
      try fleet.add(KeyedEvidence(evidence), names: ["device \(index)"])
    }
    let pin = Pin(
      capability: PASIDCapability(
        width: Int.random(in: 0...20, using: &generator), execute: Bool.random(using: &generator),
        privileged: Bool.random(using: &generator)),
      models: fleet.plan().map { ModelPin($0) })
    let folder = try TemporaryFolder()
    let read = try PinFile.read(folder.write("pin", PinFile.text(pin)))
    #expect(read.capability == pin.capability)
    #expect(PinFile.text(read) == PinFile.text(pin))
    for member in members { #expect(read.breach(by: member) == pin.breach(by: member)) }
  }

  private static let good = """
    {"schema":1,"capability":{"pasidBits":20,"exec":false,"priv":false},"models":[{"vendorID":1,\
    "deviceID":2,"revision":3,"offset":4088,"grade":"likely","members":4,"layout":[[256,1,2]]}]}
    """

  @Test("a plain one")
  func plain() throws {
    let folder = try TemporaryFolder()
    let pin = try PinFile.read(folder.write("pin", Self.good))
    let entry = SurveyedCapability(offset: 256, id: 1, version: 2, size: nil)
    #expect(
      pin.models == [
        ModelPin(
          model: DeviceModel(vendorID: 1, deviceID: 2, revision: 3), offset: 4088, grade: "likely",
          members: 4, layout: [entry])
      ])
  }

  @Test(
    "what is no pin is refused with words",
    arguments: [
      ("\"schema\":1", "\"schema\":2", "\"schema\": 2 is not known: expected 1"),
      ("\"schema\":1,", "", "\"schema\" is missing"),
      ("\"pasidBits\":20", "\"pasidBits\":21", "\"capability.pasidBits\": 21: expected 0 to 20"),
      ("\"pasidBits\":20", "\"pasidBits\":-1", "expected 0 to 20"),
      ("\"exec\":false", "\"exec\":0", "capability.exec"),
      ("\"priv\":false", "\"privileged\":false", "unknown key"),
      ("\"layout\"", "\"layuot\"", "unknown key"),
      (",\"layout\":[[256,1,2]]", "", "layout\" is missing"),
      ("\"offset\":4088,", "", "offset\" is missing"),
      ("\"offset\":4088", "\"offset\":4092", "4092: expected a multiple of 4 from 256 to 4088"),
      ("\"offset\":4088", "\"offset\":4089", "expected a multiple of 4"),
      ("\"offset\":4088", "\"offset\":null", "\"likely\" without an offset: expected refused"),
      ("\"likely\"", "\"refused\"", "\"refused\" with an offset: expected clear, likely, risky"),
      ("\"likely\"", "\"maybe\"", "models[0].grade"),
      ("\"members\":4", "\"members\":-4", "-4: expected 0 to"),
      ("\"vendorID\":1", "\"vendorID\":65536", "vendorID\": 65536: expected 0 to 65535"),
      ("[256,1,2]", "[252,1,2]", "expected [offset, id, version]"),
      ("[256,1,2]", "[257,1,2]", "expected [offset, id, version]"),
      ("[256,1,2]", "[256,1,16]", "expected [offset, id, version]"),
      ("[256,1,2]", "[256,1]", "expected [offset, id, version]"),
      ("[256,1,2]", "[99999999999,1,2]", "expected [offset, id, version]"),
      ("\"models\":[", "\"models\":[[],", "models[0]"),
      ("}]}", "}]", ""),
    ])
  func refused(old: String, new: String, words: String) throws {
    let folder = try TemporaryFolder()
    let text = Self.good.replacingOccurrences(of: old, with: new)
    #expect(text != Self.good)
    let file = try folder.write("pin", text)
    let problem = #expect(throws: InputProblem.self) { try PinFile.read(file) }
    let message = "\(try #require(problem))"
    #expect(message.hasPrefix("\(file): ") && message.mentions(words), "\(message)")
  }

  @Test("no file, a folder, an empty file, two pins for a model")
  func files() throws {
    let folder = try TemporaryFolder()
    let model = Self.good.drop { $0 != "[" }.dropFirst().dropLast(2)
    let twice = Self.good.replacingOccurrences(of: String(model), with: "\(model),\(model)")
    for (name, text, words) in [
      ("twice", twice, "expected each model once"), ("empty", "", ""), ("binary", "\0\0", ""),
    ] {
      let file = try folder.write(name, text)
      let problem = #expect(throws: InputProblem.self) { try PinFile.read(file) }
      #expect("\(try #require(problem))".mentions(words))
    }
    for path in [folder.path, "\(folder.path)/none"] {
      let problem = #expect(throws: InputProblem.self) { try PinFile.read(path) }
      #expect("\(try #require(problem))".hasPrefix("\(path): cannot "))
    }
  }
}

@Suite("Quirk files")
struct QuirkFileTests {
  private func read(_ text: String) throws -> [Quirk] {
    let folder = try TemporaryFolder()
    return try QuirkFile.read(folder.write("quirks.json", text))
  }

  @Test("numbers as integers and as text")
  func numbers() throws {
    let expected = [
      try Quirk(
        vendorID: 0x8086, deviceID: 0x0B25, revision: 0, free: [0xE00...0xFFF],
        forbidden: [0x500...0x503], source: "the manual"),
      try Quirk(
        vendorID: 0x8086, deviceID: 0x0B25, revision: nil, free: [], forbidden: [], source: "x"),
    ]
    let second = "{\"vendor\":32902,\"device\":2853,\"source\":\"x\"}"
    #expect(
      try read(
        """
        {"quirks":[{"vendor":"0x8086","device":"0x0b25","revision":"0x00",
        "free":["0xe00-0xfff"],"forbidden":["1280-0x503"],"source":"the manual"},\(second)]}
        """) == expected)
    #expect(
      try read(
        """
        {"quirks":[{"source":"the manual","vendor":32902,"device":"2853","revision":0,
        "free":["3584-4095"],"forbidden":["0x500-0x503"]},\(second)]}
        """) == expected)
    #expect(try read("{\"quirks\":[]}") == [])
  }

  @Test(
    "what is no quirk is refused with words",
    arguments: [
      ("\"vendor\":1", "\"vendor\":65536", "expected 0x0 to 0xffff"),
      ("\"vendor\":1", "\"vendor\":-1", "expected 0x0 to 0xffff"),
      ("\"vendor\":1", "\"vendor\":\"8086h\"", "expected 0x0 to 0xffff"),
      ("\"vendor\":1,", "", "vendor"),
      ("\"revision\":3", "\"revision\":\"0x100\"", "expected 0x0 to 0xff"),
      ("\"revision\":3", "\"rev\":3", "unknown key: expected one of vendor, device, revision"),
      ("\"free\":[", "\"Free\":[", "unknown key"),
      ("\"free\":[", "\"free\":[\"0xe00\"", "is not a range: expected FIRST-LAST"),
      ("\"free\":[", "\"free\":[\"0-16\"", "not within the extended config space"),
      ("\"forbidden\":[", "\"forbidden\":[\"0xfff-0x100\"", "is not a range"),
      ("\"forbidden\":[", "\"forbidden\":[5", "forbidden"),
      (",\"source\":\"me\"", "", "source\" is missing"),
      ("\"source\":\"me\"", "\"source\":\"  \"", "has no source"),
      ("{\"quirks\"", "{\"version\":1,\"quirks\"", "unknown key: expected one of quirks"),
      ("{\"quirks\"", "{\"quirk\"", "unknown key: expected one of quirks"),
      ("]}]}", "]", ""),
    ])
  func refused(old: String, new: String, words: String) throws {
    let good = """
      {"quirks":[{"vendor":1,"device":2,"revision":3,"source":"me","free":[],"forbidden":[]}]}
      """.replacingOccurrences(
        of: "\"revision\":3,\"source\":\"me\"", with: "\"revision\":3,\"source\":\"me\"")
    let text = good.replacingOccurrences(of: old, with: new)
    #expect(text != good)
    let problem = #expect(throws: InputProblem.self) { try read(text) }
    let message = "\(try #require(problem))"
    #expect(message.contains("quirks.json: ") && message.mentions(words), "\(message)")
  }
}
