import Foundation
import Testing

@Suite("A launched program leaves no process behind", .enabled(if: Probe.works))
struct LeftoverTests {
  /// Processes whose command line holds a mark.
  private func processes(_ mark: String) -> Int {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return all.filter { Int($0) != nil }.filter { process in
      let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
      return String(decoding: line, as: UTF8.self).contains(mark)
    }.count
  }

  /// Seconds to sleep that no other process asks for.
  private let mark = "98\(Int.random(in: 1_000_000..<9_000_000))"

  /// Waits for something that has to happen; how long it takes says nothing.
  private func until(_ condition: () -> Bool) -> Bool {
    for _ in 0..<12_000 {
      if condition() { return true }
      usleep(10_000)
    }
    return false
  }

  private func startSleepers() throws -> Process {
    let script = "setsid sh -c 'sleep \(mark) & sleep \(mark)' & sleep \(mark)"
    let process = try Probe.start(
      Probe.path ?? "", ["sh", "-c", script], output: "/dev/null", errors: "/dev/null")
    #expect(until { processes("sleep\0\(mark)") >= 3 })
    return process
  }

  @Test("daemons end with it")
  func daemons() throws {
    let script = "setsid sleep \(mark) & (setsid sh -c 'sleep \(mark) & sleep \(mark)' &); exit 5"
    #expect(try Probe.script(script).status == 5)
    #expect(processes(mark) == 0)
  }

  @Test("when the supervisor is killed, everything goes")
  func killed() throws {
    let process = try startSleepers()
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    #expect(until { processes(mark) == 0 })
  }

  @Test("a signal to the supervisor reaches the program", arguments: [SIGTERM, SIGHUP, SIGINT])
  func passed(signal: Int32) throws {
    let ready = NSTemporaryDirectory() + "ready-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: ready) }
    let number = signal
    let script = "trap 'exit 33' \(number); touch \(ready); while :; do sleep 0.05; done"
    let process = try Probe.start(
      Probe.path ?? "", ["sh", "-c", script], output: "/dev/null", errors: "/dev/null")
    #expect(until { FileManager.default.fileExists(atPath: ready) })
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(process.terminationStatus == 33 && process.terminationReason == .exit)
    #expect(processes(ready) == 0)
  }
}
