import ArgumentParser
import LogText

/// Where a log goes: the options of every command that writes one.
struct LogOptionGroup: ParsableArguments {
  @Option(
    name: .customLong("log"),
    help: ArgumentHelp(
      "Write what happens, with its meaning, and a summary; - is standard error.",
      valueName: "FILE|-"))
  var path: String?

  @Flag(help: "Write JSON, one object a line (a log to standard error without --log).")
  var json = false

  @Flag(help: "Give repeats a line each.")
  var logAll = false

  /// The log, if one was asked for.
  var log: LogOptions? {
    guard path != nil || json || logAll else { return nil }
    return LogOptions(path: path ?? "-", isJSON: json, showsAll: logAll)
  }
}
