import ArgumentParser
import HostLab
import LogText
import Testing

@testable import Commands

@Suite("The command line of passage host")
struct HostCommandTests {
  private func options(_ arguments: String...) throws -> HostRunOptions {
    let command = try Passage.parseAsRoot(["host"] + arguments)
    return try #require(command as? HostCommand).options()
  }

  private func refusal(_ arguments: String...) throws -> String {
    let error = #expect(throws: (any Error).self) {
      try Passage.parseAsRoot(["host"] + arguments)
    }
    return Passage.message(for: try #require(error))
  }

  @Test("a bare command gets one engine behind a VT-d unit, and no log")
  func usual() throws {
    #expect(try options("--", "ls", "-l") == HostRunOptions(command: ["ls", "-l"]))
  }

  @Test("all that follows -- is the program's, options of ours included")
  func passthrough() throws {
    let command = ["qemu", "--log", "x", "--", "--json", "--empty="]
    #expect(
      try options("--mock-devices", "--", "qemu", "--log", "x", "--", "--json", "--empty=")
        == HostRunOptions(command: command, answersMockRequests: true))
  }

  @Test("devices keep their order and their text")
  func devices() throws {
    let options = try options(
      "--device", "dsa@0000:6b:00.0,wqs=4", "--device", "dump=x.txt", "--iommu", "smmuv3", "--",
      "true")
    #expect(options.devices == ["dsa@0000:6b:00.0,wqs=4", "dump=x.txt"])
    #expect(options.unit == .smmuv3)
  }

  @Test("a log without a file goes to standard error")
  func log() throws {
    #expect(try options("--json", "--", "a").log == .init(path: "-", isJSON: true))
    #expect(
      try options("--log", "f", "--log-all", "--", "a").log == .init(path: "f", showsAll: true))
    #expect(try options("--log", "-", "--", "a").log == .init(path: "-"))
  }

  @Test("faults become a plan and limits")
  func faults() throws {
    let options = try options(
      "--fail", "HWPT_ALLOC:3=ENOMEM", "--fail", "open", "--delay", "RESET=20ms",
      "--page-request", "vfio0:0x1000,pasid=5", "--pasid-bits", "8", "--no-nesting", "--", "a")
    #expect(
      options.faults
        == (try FaultPlan(
          failures: ["HWPT_ALLOC:3=ENOMEM", "open"], delays: ["RESET=20ms"],
          pageRequests: ["vfio0:0x1000,pasid=5"])))
    #expect(options.limits == HostLimits(pasidBits: 8, hasNesting: false))
  }

  @Test("without a program a built-in driver runs, with the same options")
  func noProgram() throws {
    for arguments in [[], ["--"], ["--no-nesting"]] {
      let command = try #require(
        try Passage.parseAsRoot(["host"] + arguments) as? HostCommand
      ).options().command
      #expect(command.count == 2 && command[0].hasPrefix("/"))
      #expect(try Passage.parseAsRoot([command[1]]) is BuiltInDriver)
    }
    #expect(try refusal("ls").contains("ls"))
  }

  @Test("a wrong request name lists what there is")
  func wrongName() throws {
    let message = try refusal("--fail", "HWPT_ALOC", "--", "a")
    #expect(message.contains("did you mean HWPT_ALLOC?"))
    #expect(message.contains("IOAS_MAP,"))
  }

  @Test("PASID bits are 1 to 20, and none without PASIDs")
  func bits() throws {
    #expect(try refusal("--pasid-bits", "21", "--", "a").contains("1 to 20"))
    #expect(try refusal("--no-pasid", "--pasid-bits", "3", "--", "a").contains("exclude"))
  }
}
