import ArgumentParser
import Conformance
import HostABI
import LinuxHost
import SoftHost

/// Sequences of requests on two kernels side by side.
struct SequenceOptions: ParsableArguments {
  @Option(help: "Run this many made-up sequences on a software host and a second kernel.")
  var sequences: Int?

  @Option(help: "The first sequence's seed; the next has the next.")
  var seed: UInt64 = 1

  @Option(help: "How many steps a sequence has.")
  var length = 30

  @Option(help: "Carry out the sequence in this file on both kernels.")
  var replay: String?

  @Option(
    help: ArgumentHelp(
      "A VFIO device of the software host and one of the second kernel that are alike.",
      valueName: "soft=other"))
  var pair: [String] = []

  @Flag(help: "Go on after a difference.")
  var keepGoing = false

  @Flag(help: "Print how often each kind of step was carried out, and how often it worked.")
  var statistics = false
}

/// Runs what the options say.
struct SequenceRun {
  let options: SequenceOptions
  let usesRealKernel: Bool

  /// - Throws: An exit code when there was a difference.
  func callAsFunction() throws {
    let paths = try devicePaths()
    let first = SoftwareHost.server(answersMockRequests: true).makeProcess()
    let second: any HostKernel =
      usesRealKernel
      ? LinuxKernel() : SoftwareHost.server(answersMockRequests: true).makeProcess()
    let hasMock =
      Testbed(first, devicePaths: []).has.contains(.mock)
      && Testbed(second, devicePaths: []).has.contains(.mock)
    let duel = try SequenceDuel(
      first, second, names: ("soft", usesRealKernel ? "kernel" : "other"), devicePaths: paths,
      mock: hasMock)
    if let file = options.replay {
      let steps = try SequenceText.steps(try InputFile.text(file))
      print(try duel.transcript(steps), terminator: "")
      if try duel.replay(steps) != nil { throw ExitCode.failure }
      return
    }
    var different = 0
    for seed in options.seed..<(options.seed &+ UInt64(options.sequences ?? 0)) {
      guard let difference = try duel.run(seed: seed, length: options.length) else { continue }
      different += 1
      var shrinker = SequenceShrinker(duel, difference)
      try shrinker.run()
      let best = shrinker.best
      print("# seed \(seed): \(best.text.split(separator: "\n").joined(separator: "\n# "))")
      print(try duel.transcript(best.steps))
      if !options.keepGoing { break }
    }
    if options.statistics {
      for (name, count) in duel.counts.sorted(by: { $0.key < $1.key }) {
        print("\(name): \(count.worked) of \(count.all) worked")
      }
    }
    print("\(different) of \(options.sequences ?? 0) sequences differ")
    if different > 0 { throw ExitCode.failure }
  }

  private func devicePaths() throws -> ([String], [String]) {
    var paths: ([String], [String]) = ([], [])
    for pair in options.pair {
      let parts = pair.split(separator: "=").map(String.init)
      guard parts.count == 2 else { throw ValidationError("--pair takes soft=other") }
      paths.0.append(parts[0])
      paths.1.append(parts[1])
    }
    if options.pair.isEmpty, !usesRealKernel {
      let all = (0..<6).map { "/dev/vfio/devices/vfio\($0)" }
      paths = (all, all)
    }
    return paths
  }
}
