import Foundation
import Testing

/// What programs do with descriptors, processes and limits has the answers of Linux.
@Suite(.enabled(if: HostProbe.works), .serialized)
struct HostProbeTests {
  @Test(arguments: [
    "copies", "duplicate-bounds", "threads", "last-close", "passing", "node-paths", "other-calls",
    "queue-reads", "parent-closes", "programs", "exec-among-threads", "crowd", "generations",
    "storm", "killed", "everything-open", "arguments", "scribbles", "many", "low-limit",
    "full-event", "opens",
  ])
  func theProgramGetsTheKernelsAnswers(_ name: String) throws {
    let result = try HostProbe.run(["host", "--", HostProbe.program, name])
    #expect(result.status == 0, "\(result.output)\(result.errors)")
    #expect(result.lines.last == "ok")
    #expect(result.errors == "")
  }

  @Test func aLogThatNobodyReadsDoesNotEndTheProgram() throws {
    let report = NSTemporaryDirectory() + "probe-\(UUID().uuidString)"
    defer {
      for file in [report, report + ".gone"] { try? FileManager.default.removeItem(atPath: file) }
    }
    // The program begins when the log's reader has closed its end.
    let script = """
      { "$1" host --log - -- sh -c \
        'until [ -e "$2.gone" ]; do sleep 0.1; done; "$1" opens 20 >"$2"; exit 7' sh "$2" "$3"
      echo status $? >>"$3"; } 2>&1 | { exec <&-; : >"$3.gone"; }
      while ! grep -q status "$3"; do sleep 0.1; done
      """
    let result = try Probe.run(
      "/bin/sh", ["-c", script, "sh", HostProbe.passage, HostProbe.program, report])
    #expect(result.status == 0)
    #expect(try String(contentsOfFile: report, encoding: .utf8) == "ok\nstatus 7\n")
  }

  @Test func aHostWithinAHostIsRefusedInWords() throws {
    let result = try HostProbe.run(
      ["host", "--", HostProbe.passage, "host", "--", "true"])
    #expect(result.status == 125)
    #expect(result.errors.contains("seccomp filter"))
  }
}

/// The products `passage` and `host-probe`, which lie beside the tests.
enum HostProbe {
  static let folder = ((Probe.path ?? "") as NSString).deletingLastPathComponent
  static let passage = folder + "/passage"
  static let program = folder + "/host-probe"

  static let works: Bool =
    Probe.works
    && [passage, program].allSatisfy { FileManager.default.isExecutableFile(atPath: $0) }

  static func run(_ arguments: [String]) throws -> Probe.Result {
    try Probe.run(passage, arguments)
  }
}
