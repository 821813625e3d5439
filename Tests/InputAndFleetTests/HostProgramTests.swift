import Foundation
import TestSupport
import Testing

/// `passage host` as users run it.
@Suite("The program's host", .enabled(if: HostProgram.works))
struct HostProgramTests {
  @Test("without a command a driver of ours copies with PASIDs, and fails as it is told to")
  func builtIn() throws {
    let result = try Program.run("host")
    #expect(result.status == 0 && result.errors.isEmpty, "\(result.output)\(result.errors)")
    #expect(result.output.contains("holds    through a shared queue each PASID copies in its own"))
    let last = try #require(result.output.split(separator: "\n").last)
    #expect(last.wholeMatch(of: /engine: (\d+) of \1 statements hold/) != nil)
    let failing = try Program.run("host", "--fail", "HWPT_ALLOC:3")
    #expect(failing.status == 1 && failing.output.contains("IOMMU_HWPT_ALLOC"))
    #expect(failing.output.hasSuffix("ENOMEM\n"))
  }

  @Test(
    "the documentation's driver does what its page shows, also as the child of another program",
    .enabled(if: HostProgram.compiler != nil))
  func example() throws {
    let folder = try TemporaryFolder()
    let name = "copy-with-pasids"
    let built = try Program.run(
      #require(HostProgram.compiler),
      [
        "-O2", "-Wall", "-Wextra", "-Werror", "-o", "\(folder.path)/\(name)",
        "\(Project.root)/docs/host/Examples/\(name).c",
      ])
    #expect(built.status == 0, "\(built.errors)")
    let page = try String(
      contentsOfFile: "\(Project.root)/docs/host/RunAVFIODriver.md", encoding: .utf8)
    let program = "\(folder.path)/\(name)"
    for command in [[program], ["sh", "-c", "'\(program)'; true"]] {
      let result = try Program.run(try #require(Program.path), ["host", "--"] + command)
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.split(separator: "\n").count == 5)
      #expect(page.contains(result.output), "\(result.output)\(result.errors)")
    }
    let log = try Program.run("host", "--log", "-", "--", program).errors
    #expect(log.contains("to hwpt 5, PASID 1 = ok"))
    #expect(log.contains("DMA read PASID 4 at 0x10000, 4 KiB: fault"))
    #expect(!log.contains("left on the host"))
  }

  @Test("a device that cannot be, and a program that is not there, have a shell's statuses")
  func statuses() throws {
    for (arguments, status) in [
      (["--device", "foo"], 125), (["--", "/nowhere/program"], 127), (["--", "/"], 126),
      (["--fail", "BND"], 1), (["--", "sh", "-c", "exit 7"], 7),
      (["--", "sh", "-c", "kill -9 $$"], 137),
    ] as [([String], Int32)] {
      let result = try Program.run(try #require(Program.path), ["host"] + arguments)
      #expect(result.status == status && !result.isSignal, "\(arguments): \(result.errors)")
    }
  }
}

/// What it takes to run programs below `passage host`.
enum HostProgram {
  /// Whether a program can be started here.
  static let works: Bool = {
    guard Program.path != nil else { return false }
    guard let result = try? Program.run("host", "--", "true"), result.status == 0 else {
      print("no program can be started below passage host here: tests of it are skipped")
      return false
    }
    return true
  }()

  /// A compiler for C, where one is installed.
  static let compiler: String? = {
    let found = ["/usr/bin/cc", "/usr/bin/clang", "/usr/bin/gcc"].first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
    if found == nil { print("no C compiler: the documentation's driver is not tried") }
    return found
  }()
}
