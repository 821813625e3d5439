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

  @Option(help: "How many shorter sequences to try for one that differs.")
  var attempts = 1000

  @Flag(help: "Go on after a difference.")
  var keepGoing = false

  @Flag(help: "Print how often each kind of step was carried out, and how often it worked.")
  var statistics = false

  func validate() throws {
    if let sequences, sequences < 0 { throw ValidationError("--sequences takes 0 or more") }
    guard (0...10_000).contains(length) else {
      throw ValidationError("--length takes a number from 0 to 10000")
    }
    if sequences != nil, replay != nil {
      throw ValidationError("either --sequences or --replay")
    }
  }
}

/// Runs what the options say.
struct SequenceRun {
  let options: SequenceOptions
  let usesRealKernel: Bool

  /// - Throws: An exit code when there was a difference.
  func callAsFunction() throws {
    let second: any HostKernel =
      usesRealKernel
      ? LinuxKernel() : SoftwareHost.server(answersMockRequests: true).makeProcess()
    let all = (0..<16).map { "/dev/vfio/devices/vfio\($0)" }
    var host = SoftwareHost.server(answersMockRequests: true)
    var paths: ([String], [String]) = ([], [])
    if !usesRealKernel {
      paths = (Array(all.prefix(6)), Array(all.prefix(6)))
    } else if let mirror = try MirroredHost.make(like: second, all) {
      host = mirror.host
      paths = (Array(all.prefix(mirror.paths.count)), mirror.paths)
    }
    let first = host.makeProcess()
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
    var causes: Set<String> = []
    for number in 0..<UInt64(options.sequences ?? 0) {
      let seed = options.seed &+ number
      guard let difference = try duel.run(seed: seed, length: options.length) else { continue }
      different += 1
      // Most differences come back with other values: one of a kind is shrunk and shown.
      guard causes.insert(difference.cause).inserted else {
        print("# seed \(seed): as before, \(difference.cause)")
        continue
      }
      var shrinker = SequenceShrinker(duel, difference, attempts: options.attempts)
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
}
