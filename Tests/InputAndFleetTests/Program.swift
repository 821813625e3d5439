import Foundation
import Testing

/// The built program, run as users run it.
enum Program {
  struct Result {
    let status: Int32
    let isSignal: Bool
    let output: String
    let errors: String
  }

  /// Where the program was built, beside the tests; `nil` when it was not.
  static let path: String? = {
    let arguments = ProcessInfo.processInfo.arguments
    var folder = URL(fileURLWithPath: arguments.first ?? "").resolvingSymlinksInPath()
    for argument in arguments where argument.hasSuffix(".xctest") {
      folder = URL(fileURLWithPath: argument).resolvingSymlinksInPath()
    }
    // On Linux the bundle is a file in the folder of products; elsewhere it is a folder with the
    // binary further down.
    for _ in 0..<6 {
      folder.deleteLastPathComponent()
      let candidate = folder.appendingPathComponent("passage").path
      let kind = try? FileManager.default.attributesOfItem(atPath: candidate)[.type]
      if kind as? FileAttributeType == .typeRegular,
        FileManager.default.isExecutableFile(atPath: candidate)
      {
        return candidate
      }
    }
    print("the passage program was not found beside the tests: tests that run it are skipped")
    return nil
  }()

  /// `lspci`, when it is installed.
  static let lspci: String? = {
    let places = ["/usr/bin/lspci", "/usr/sbin/lspci", "/sbin/lspci", "/usr/local/bin/lspci"]
    let found = places.first { FileManager.default.isExecutableFile(atPath: $0) }
    if found == nil { print("lspci is not installed: tests that compare with it are skipped") }
    return found
  }()

  /// Runs the program.
  static func run(
    _ arguments: String..., input: String? = nil, output: String? = nil, in folder: String? = nil
  ) throws -> Result {
    try run(#require(path), arguments, input: input, output: output, in: folder)
  }

  /// Runs a program; standard output goes into a file, so that no pipe can fill up.
  static func run(
    _ path: String, _ arguments: [String], input: String? = nil, output: String? = nil,
    in folder: String? = nil
  ) throws -> Result {
    let files = try TemporaryFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ["PATH": "/usr/bin:/bin", "TERM": "dumb"]
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    let inputFile = try folder == nil && input == nil ? "/dev/null" : files.write("in", input ?? "")
    process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: inputFile))
    let out = try output ?? files.write("out", "")
    let errors = try files.write("errors", "")
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: out))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
    try process.run()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, isSignal: process.terminationReason == .uncaughtSignal,
      output: output == nil ? String(decoding: try bytes(out), as: UTF8.self) : "",
      errors: String(decoding: try bytes(errors), as: UTF8.self))
  }

  private static func bytes(_ path: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: path))
  }
}
