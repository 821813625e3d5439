import Foundation
import PCIe
import TestSupport
import Testing

@testable import Commands

/// The command contract, kept by the program itself.
@Suite("The program", .enabled(if: Program.path != nil))
struct ProgramTests {
  private let present = DumpTextWriter.text(
    address: SampleDevice.address, title: "present", config: SampleDevice.sapphireRapidsDSA)

  private static func dump(_ name: String, at address: String = "01:00.0") throws -> String {
    DumpTextWriter.text(
      address: try #require(PCIAddress(address)), title: name, config: Fixtures.named(name))
  }

  @Test("exit statuses of inspect")
  func inspect() throws {
    let folder = try TemporaryFolder()
    let good = try folder.write("good", Self.dump("not ascending"))
    let refused = try folder.write("refused", Self.dump("loop of two"))
    let bad = try folder.write("bad", "00:00.0 x\n00: 12 3z\n")
    for (arguments, status) in [
      ([], 0), ([good], 0), ([refused], 2), ([bad], 1), ([good, refused], 2), ([good, bad], 1),
      ([refused, bad], 1), (["\(folder.path)/none"], 1), ([good, "--offset", "0xff8"], 0),
      ([good, "--offset", "4088"], 0), ([good, "--offset", "0xff9"], 2),
      ([good, "--offset", "0x100"], 2), ([good, "--offset", "0x7ffffffffffffffc"], 2),
      ([good, "--offset", "zzz"], 1), ([good, "--free", "0xe00-0xfff"], 0),
      ([good, "--free", "0xe01-0xe02"], 0), ([good, "--free", "0xe00"], 1),
      ([good, "--pasid-bits", "21"], 1), ([good, "--pasid-bits", "0"], 1),
      ([good, "--quirks", bad], 1), ([good, "--select", "01:00.0"], 0),
      ([good, "--select", "01:00.1"], 1), ([good, "--vfio-view", good], 0),
      ([good, "--vfio-view", bad], 1), ([good, "--json", "--emit-config"], 1),
      ([good, "--nonsense"], 1), (["ff:1f.7"], 1), (["--svg=", good], 1),
      ([good, "--vfio-view", "auto"], 0), (["--vfio-view", "auto", "--pasid-bits", "8"], 0),
      (["--vfio-view", "auto", "--exec"], 1), ([good, "--vfio-view", "nowhere"], 1),
      (["--offset", "0x102"], 0),
      ([try folder.write("headers", "00:00.0 x\n00:01.0 y\n")], 1),
    ] as [([String], Int32)] {
      let result = try Program.run(try #require(Program.path), ["inspect"] + arguments)
      #expect(result.status == status && !result.isSignal, "\(arguments): \(result.errors)")
      if status == 1 { #expect(!result.errors.isEmpty && result.errors.hasSuffix("\n")) }
    }
  }

  @Test("errors name file, line and what was expected")
  func errors() throws {
    let folder = try TemporaryFolder()
    let bad = try folder.write("bad", "00:00.0 x\n00: 12 3z\n")
    let result = try Program.run("inspect", bad)
    #expect(result.output.isEmpty && result.status == 1)
    #expect(result.errors.contains("\(bad): line 2: expected a hexadecimal digit, found 'z'"))
    let survey = try folder.write("survey", "{\"a\":1}\n")
    for arguments in [["plan", survey], ["survey", survey], ["survey", "--merge", survey]] {
      let result = try Program.run(try #require(Program.path), arguments)
      #expect(result.status == 1)
      #expect(result.errors.contains("\(survey): line 1: not a survey line: \"survey\" is missing"))
    }
    let inspected = try Program.run("inspect", survey)
    #expect(inspected.status == 1 && inspected.errors.contains("\(survey): line 1: a survey line"))
    // What a file says cannot steer the terminal.
    let steering = try folder.write("steering", "{\"address\":\"\u{1B}[2J\u{9B}\"}\n")
    #expect(try !Program.run("plan", steering).errors.contains { $0 == "\u{1B}" || $0 == "\u{9B}" })
  }

  @Test("standard input, and one device of several")
  func input() throws {
    let text = try present + Self.dump("not ascending")
    let all = try Program.run("inspect", "-", "--json", input: text)
    #expect(all.status == 0)
    let one = try Program.run("inspect", "-", "--json", "--select", "0000:01:00.0", input: text)
    let devices = try InspectedJSON(one.output).devices
    #expect(try InspectedJSON(all.output).devices.count == 2 && devices.count == 1)
    #expect(devices[0]["address"] as? String == "0000:01:00.0")
    let closed = try Program.run("/bin/sh", ["-c", "\(try #require(Program.path)) inspect - <&-"])
    #expect(closed.status == 1 && closed.errors.contains("standard input: cannot read: "))
  }

  @Test("JSON has the keys of the contract", arguments: Fixture.everything.map(\.name))
  func json(name: String) throws {
    let fixture = try #require(Fixture.everything.first { $0.name == name })
    var text = JSONText(lineDepth: 4)
    InspectJSON.write(
      Inspection.inspect([fixture.loaded(3)], request: InspectRequest()), to: &text)
    try InspectedJSON(text.text).check()
  }

  @Test("JSON of the program is the same")
  func jsonOutput() throws {
    let folder = try TemporaryFolder()
    for name in ["not ascending", "loop of two", "64 bytes", "unknown length last"] {
      let file = try folder.write("dump", Self.dump(name))
      try InspectedJSON(Program.run("inspect", file, "--json").output).check()
    }
  }

  @Test("survey, plan, pin and check")
  func fleet() throws {
    let folder = try TemporaryFolder()
    let good = try folder.write("good", Self.dump("not ascending"))
    let same = try folder.write("same", Self.dump("not ascending", at: "02:00.0"))
    let other = try folder.write("other", Self.dump("backward", at: "03:00.0"))
    let refused = try folder.write("refused", Self.dump("loop of two", at: "04:00.0"))
    let lines = try Program.run("survey", good, same, refused)
    #expect(lines.status == 0 && lines.output.split(separator: "\n").count == 3)
    let merged = try Program.run("survey", "--merge", "-", input: lines.output)
    #expect(merged.status == 0 && merged.output.split(separator: "\n").count == 2)
    let direct = try Program.run("plan", "--json", good, same)
    #expect(direct.status == 0)
    let parsed = try JSONSerialization.jsonObject(with: Data(direct.output.utf8)) as? [String: Any]
    let model = try #require((parsed?["models"] as? [[String: Any]])?.first)
    #expect(model["members"] as? Int == 2 && model["offset"] as? Int == 0xFF8)
    for text in [lines.output, merged.output] {
      let plan = try Program.run("plan", "--json", "-", input: text)
      #expect(plan.status == 2)
      #expect(plan.output.contains("0000:04:00.0 (\(refused))"))
    }

    let pin = "\(folder.path)/pin.json"
    #expect(try Program.run("plan", good, same, "--pin", pin).status == 0)
    let written = try String(contentsOfFile: pin, encoding: .utf8)
    #expect(try Program.run("plan", "--check", pin, good, same).status == 0)
    let broken = try Program.run("plan", "--check", pin, good, other)
    #expect(broken.status == 3 && broken.output.contains("BROKEN   0000:03:00.0"))
    #expect(broken.output.hasSuffix("1 honour the pin, 1 do not\n"))
    let checked = try Program.run("plan", "--check", pin, "--json", "-", input: lines.output)
    let report = try JSONSerialization.jsonObject(with: Data(checked.output.utf8)) as? [String: Any]
    #expect(
      checked.status == 3 && report?["honoured"] as? Int == 2 && report?["broken"] as? Int == 1)
    #expect((report?["devices"] as? [[String: Any]])?.last?["honoured"] as? Bool == false)

    // A decision about a part is not kept, and the old one stays.
    let bad = try folder.write("bad", "00:00.0 x\n00: 12 3z\n")
    let partly = try Program.run("plan", good, other, bad, "--pin", pin)
    #expect(partly.status == 1 && partly.errors.contains("\(pin) is not written"))
    #expect(try String(contentsOfFile: pin, encoding: .utf8) == written)
    #expect(try Program.run("plan", "--check", pin, bad).status == 1)
    #expect(try Program.run("plan", "--check", bad, good).status == 1)
    #expect(try Program.run("plan", "--check", pin, "--pin", pin, good).status == 1)
    #expect(try Program.run("plan", good, "--pin", "\(folder.path)/none/pin").status == 1)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).allSatisfy {
        !$0.hasSuffix(".tmp")
      })
    let declared = try folder.write(
      "quirks",
      """
      {"quirks":[{"vendor":"0x1234","device":"0x5678","forbidden":["0xff8-0xfff"],"source":"me"}]}
      """)
    let forbidden = try Program.run("plan", "--check", pin, good, "--quirks", declared)
    #expect(forbidden.status == 3 && forbidden.output.contains("which is forbidden: me"))
  }

  @Test(
    "a full disk ends with an error",
    .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  func fullDisk() throws {
    let folder = try TemporaryFolder()
    let good = try folder.write("good", Self.dump("not ascending"))
    let pin = try folder.write("pin", "")
    #expect(try Program.run("plan", good, "--pin", pin).status == 0)
    for arguments in [
      ["inspect", good], ["inspect", "--json", good], ["inspect", "--emit-config", good],
      ["survey", good], ["survey", "--merge", good], ["plan", good], ["plan", "--json", good],
      ["plan", "--check", pin, good], ["plan", "--check", pin, "--json", good],
    ] {
      let result = try Program.run(
        try #require(Program.path), arguments, output: "/dev/full")
      #expect(result.status == 1 && !result.isSignal, "\(arguments)")
      #expect(result.errors.contains("standard output: cannot write: "), "\(result.errors)")
    }
    for arguments in [
      ["plan", good, "--pin", "/dev/full"], ["inspect", good, "--svg", "/dev/full"],
    ] {
      let result = try Program.run(try #require(Program.path), arguments)
      #expect(result.status == 1 && result.errors.contains("/dev/full: cannot write: "))
    }
  }

  @Test("a reader that goes away ends it, without a crash")
  func brokenPipe() throws {
    let folder = try TemporaryFolder()
    let line = SurveyLineTests.text(Fixture("s", SampleDevice.sapphireRapidsDSA).loaded())
    let many = try folder.write("many", String(repeating: line, count: 2000))
    let program = try #require(Program.path)
    for (command, ignores) in [("survey", false), ("survey", true)] {
      // With the signal ignored, as some parents leave it, writing fails instead.
      let trap = ignores ? "trap '' PIPE; " : ""
      let result = try Program.run(
        "/bin/bash",
        ["-c", "\(trap)\(program) \(command) \(many) | head -c 10; exit ${PIPESTATUS[0]}"])
      #expect(ignores ? result.status == 1 : [1, 128 + 13].contains(result.status))
      #expect(!result.errors.contains("Fatal") && !result.errors.contains("crash"))
    }
    let closed = try Program.run("/bin/sh", ["-c", "\(program) inspect >&-"])
    #expect(closed.status == 1 && closed.errors.contains("standard output: cannot write: "))
  }
}
