import Foundation

/// The program `launch-probe`, and runs of it.
enum Probe {
  struct Result {
    let status: Int32
    let output: String
    let errors: String
    var lines: [Substring] { output.split(separator: "\n") }
  }

  /// Where the probe lies; `nil` where it was not built or the system is another one.
  static let path: String? = {
    #if os(Linux)
      let products =
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
      let folders = [
        URL(fileURLWithPath: products).deletingLastPathComponent().path,
        Bundle.main.bundleURL.path,
        URL(fileURLWithPath: CommandLine.arguments[0])
          .deletingLastPathComponent().path,
      ]
      let found = folders.map { "\($0)/launch-probe" }.first {
        FileManager.default.isExecutableFile(atPath: $0)
      }
      if found == nil {
        print("launch-probe was not found beside the tests: tests of starts are skipped")
      }
      return found
    #else
      return nil
    #endif
  }()

  /// Whether a namespace can be made here; where not, the tests of starts are skipped.
  static let works: Bool = {
    guard path != nil else { return false }
    guard let result = try? run(["true"]), result.status == 0 else {
      print("no program can be launched here: tests of starts are skipped")
      return false
    }
    return true
  }()

  /// Whether it works for an ordinary user, and there is a way to become one.
  static let worksForOthers: Bool = {
    guard works, getuid() == 0, let result = try? runAsNobody("true"), result.status == 0 else {
      print("not root, or no user namespaces: the ordinary user's start is skipped")
      return false
    }
    return true
  }()

  static func run(_ arguments: [String]) throws -> Result {
    try run(path ?? "", arguments)
  }

  /// Runs a script of the shell in the probe.
  static func script(_ text: String, options: [String] = []) throws -> Result {
    try run(options + ["sh", "-c", text])
  }

  /// The same as a user without rights.
  static func runAsNobody(_ script: String) throws -> Result {
    // The build's folder may be closed to others.
    let copy = NSTemporaryDirectory() + "launch-probe-\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: path ?? "", toPath: copy)
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: copy)
    let quoted = script.replacingOccurrences(of: "'", with: "'\\''")
    return try run(
      "/bin/su", ["-s", "/bin/sh", "nobody", "-c", "cd /; \(copy) --report sh -c '\(quoted)'"])
  }

  static func run(_ path: String, _ arguments: [String]) throws -> Result {
    let output = NSTemporaryDirectory() + "probe-\(UUID().uuidString)"
    let errors = output + ".errors"
    defer {
      for file in [output, errors] { try? FileManager.default.removeItem(atPath: file) }
    }
    let process = try start(path, arguments, output: output, errors: errors)
    process.waitUntilExit()
    let isSignal = process.terminationReason == .uncaughtSignal
    return Result(
      status: process.terminationStatus + (isSignal ? 128 : 0),
      output: try String(contentsOfFile: output, encoding: .utf8),
      errors: try String(contentsOfFile: errors, encoding: .utf8))
  }

  static func start(
    _ path: String, _ arguments: [String], output: String, errors: String
  ) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    // Making a file replaces what is there, and /dev/null is everybody's.
    for file in [output, errors] where !FileManager.default.fileExists(atPath: file) {
      _ = FileManager.default.createFile(atPath: file, contents: nil)
    }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
    try process.run()
    return process
  }
}
