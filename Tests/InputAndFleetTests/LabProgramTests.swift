import Foundation
import Testing

/// The lab as the program runs it.
@Suite("The program's lab", .enabled(if: Program.path != nil))
struct LabProgramTests {
  @Test(
    "exit statuses",
    arguments: [
      ([], 0), (["--pasids", "1"], 0), (["--pasids", "64"], 0), (["--pasids", "0"], 1),
      (["--pasids", "65"], 1), (["--pasids", "-1"], 1), (["--pasids", "many"], 1),
      (["--pasids="], 1), (["--json"], 0), (["--nonsense"], 1), (["source"], 1),
      (["--svg", "/nowhere/walk.svg"], 1),
    ] as [([String], Int32)])
  func statuses(arguments: [String], status: Int32) throws {
    let result = try Program.run(try #require(Program.path), ["lab"] + arguments)
    #expect(result.status == status && !result.isSignal, "\(result.errors)")
    #expect(result.errors.isEmpty == (status == 0), "\(result.errors)")
  }

  @Test("text, JSON and a picture")
  func output() throws {
    let folder = try TemporaryFolder()
    let picture = "\(folder.path)/walk.svg"
    let text = try Program.run("lab", "--pasids", "2", "--svg", picture)
    #expect(text.output.hasPrefix("One device, 2 PASIDs: the whole path in one process\n"))
    #expect(text.output.contains("checks hold\n") && !text.output.contains("\u{1B}"))
    #expect(try String(contentsOfFile: picture, encoding: .utf8).hasPrefix("<svg "))
    let json = try Program.run("lab", "--json")
    let root = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    #expect(root?["holds"] as? Bool == true && root?["pasids"] as? Int == 3)
  }

  @Test(
    "a full disk ends with an error",
    .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  func fullDisk() throws {
    for arguments in [["lab"], ["lab", "--json"]] {
      let result = try Program.run(try #require(Program.path), arguments, output: "/dev/full")
      #expect(result.status == 1 && result.errors.contains("standard output: cannot write: "))
    }
  }
}
