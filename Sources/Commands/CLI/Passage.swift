public import ArgumentParser
import HostSystem
import SystemPackage

/// The `passage` program.
public struct Passage: ParsableCommand {
  /// What the help says.
  public static let configuration = CommandConfiguration(
    commandName: "passage",
    abstract: "PASIDs for virtual machines: the whole path in software, and where a vPASID can go.",
    version: "0.1.0",
    subcommands: [
      HostCommand.self, ServeCommand.self, LabCommand.self, InspectCommand.self, SurveyCommand.self,
      PlanCommand.self,
      BuiltInDriver.self,
    ])

  /// Makes the program; the parser fills it.
  public init() {}

  /// Runs the program with the arguments of the process, and ends the process.
  ///
  /// Exit status: 0 done, 1 unusable input or arguments, 2 refused, 3 a pin is not honoured.
  public static func run() -> Never {
    do {
      // The parser would take the next argument for the value, and that may be a file to read.
      // What stands behind -- is another program's.
      let own = CommandLine.arguments.dropFirst().prefix { $0 != "--" }
      if let empty = own.first(where: { $0.hasPrefix("--") && $0.hasSuffix("=") }) {
        throw ValidationError("\(empty) has no value")
      }
      var command = try parseAsRoot()
      try command.run()
      exit(withError: nil)
    } catch {
      guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
      // The parser would exit with 64; to our users, wrong arguments are unusable input.
      var sink = ByteSink(.standardError)
      try? sink.write(fullMessage(for: error) + "\n")
      try? sink.flush()
      exit(withError: ExitStatus.unusableInput)
    }
  }
}

/// What the program ends with.
enum ExitStatus {
  static let unusableInput = ExitCode(1)
  static let stepFailed = ExitCode(1)
  static let refused = ExitCode(2)
  static let pinNotHonoured = ExitCode(3)
}
