import Foundation
import TestSupport
import Testing

@Suite("A program uses a device's registers through its mapping", .enabled(if: Probe.works))
struct RegisterTests {
  /// A compiler for C, where one is installed.
  private static let compiler: String? = {
    let found = ["/usr/bin/cc", "/usr/bin/clang", "/usr/bin/gcc"].first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
    if found == nil { print("no C compiler: programs that use registers are not tried") }
    return found
  }()

  #if os(Linux) && arch(x86_64)
    @Test(
      "each instruction does to a device what it does to memory; faults stay the program's",
      .enabled(if: compiler != nil))
    func registers() throws {
      let folder = NSTemporaryDirectory() + "registers-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let source = "\(Project.root)/Tests/Programs/registers/registers.c"
      let built = try Probe.run(
        Self.compiler ?? "",
        ["-O1", "-w", "-pthread", "-o", "\(folder)/registers", source])
      #expect(built.status == 0, "\(built.errors)")
      try Data(count: 4096).write(to: URL(fileURLWithPath: "\(folder)/device"))

      let result = try Probe.run(
        ["--registers", "\(folder)/device", "\(folder)/registers", "\(folder)/device"])
      #expect(result.status == 0, "\(result.output)\(result.errors)")
      #expect(result.lines.last == "0 failures")
      // What could not be carried out is told, with its bytes.
      let told = result.lines.filter { $0.hasPrefix("log: ") }
      #expect(told.count == 2 && told.contains { $0.hasSuffix("met a register that refuses it") })
      #expect(told.contains { $0.contains("(dd 00") && $0.hasSuffix("is not known") })
    }
  #endif
}
