import Foundation
import Testing

/// The lab as the program runs it.
@Suite("The program's lab", .enabled(if: Program.path != nil))
struct LabProgramTests {
  @Test(
    "exit statuses",
    arguments: [
      ([], 0), (["--pasids", "1"], 0), (["--pasids", "64"], 0), (["--pasids", "0"], 1),
      (["--pasids", "1000"], 0), (["--pasids", "1001"], 1),
      (["--iommu", "none"], 0), (["--iommu", "none", "--pasids", "65"], 1),
      (["--iommu", "smmuv3"], 1), (["--break", "mdev"], 0), (["--break", "nothing"], 1),
      (["--break", "list"], 0), (["--iommu", "none", "--break", "mdev"], 1),
      (["--device", "/nowhere"], 1), (["--pasids", "-1"], 1), (["--pasids", "many"], 1),
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

  @Test("a device from a dump, and what is broken by name")
  func sources() throws {
    let folder = try TemporaryFolder()
    let dump = "\(folder.path)/dsa.txt"
    let sample = try Program.run("inspect", "--emit-config")
    try sample.output.write(toFile: dump, atomically: true, encoding: .utf8)
    let result = try Program.run("lab", "--device", dump, "--pasids", "2")
    #expect(result.status == 0 && result.output.contains("checks hold\n"), "\(result.errors)")
    let list = try Program.run("lab", "--break", "list")
    let lines = list.output.split(separator: "\n")
    #expect(lines.count > 15 && lines.allSatisfy { $0.count <= 100 })
    #expect(try Program.run("lab", "--break", "nothing").errors.contains("no-host-pasid"))
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
