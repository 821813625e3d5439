import ArgumentParser
import Conformance
import HostABI

/// Tries a kernel, real or software, against what is written about it.
@main
struct PassageConformance: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "passage-conformance",
    abstract: "Try a host kernel, real or software, against what iommufd and VFIO promise.",
    discussion: """
      Cases that the kernel lacks something for are skipped, and say what. Sequences run on a \
      software host and, with --kernel, on this machine's kernel, else on a second software host.

      Exit status: 0 nothing failed or differed, 1 something did, or a file cannot be read, 64 \
      these options make no sense.
      """)

  @OptionGroup var choice: KernelChoice

  @OptionGroup(title: "Sequences") var sequences: SequenceOptions

  @Flag(help: "Realise every device for several guests instead, failing each request in turn.")
  var realise = false

  @Flag(help: "Drive a DSA instead: copies with PASIDs, faults, detaching, reset.")
  var engine = false

  @Option(help: "With --engine: how many PASIDs, each with its own address space.")
  var pasids = 4

  @Option(help: "Only cases, or with --engine steps, whose name contains this text.")
  var filter: String?

  @Flag(help: "List the cases and what they need.")
  var list = false

  @Flag(help: "Print one JSON object a case, and a last one that counts them.")
  var json = false

  @Flag(help: "Print every case, not only those that fail.")
  var verbose = false

  func validate() throws {
    let runsCases = sequences.sequences == nil && sequences.replay == nil
    if !runsCases, list || json || verbose || filter != nil || choice.user {
      throw ValidationError("sequences take neither --list, --json, --verbose, --filter nor --user")
    }
    if realise, !runsCases || list || json || verbose || filter != nil {
      throw ValidationError("--realise takes only a kernel and --device")
    }
    if engine, realise || !runsCases || list || json || verbose {
      throw ValidationError("--engine takes only a kernel, --device, --pasids and --filter")
    }
    if engine, !(1...1000).contains(pasids) {
      throw ValidationError("--pasids takes a number from 1 to 1000")
    }
    if choice.kernel, choice.user { throw ValidationError("--user goes with --soft") }
  }

  func run() throws {
    if sequences.sequences != nil || sequences.replay != nil {
      return try SequenceRun(options: sequences, usesRealKernel: choice.kernel)()
    }
    if realise {
      return try RealiseRun(kernel: try choice.chosen(), paths: choice.devicePaths)()
    }
    if engine { return try driveEngine() }
    let cases = ConformanceSuite.cases.filter { filter == nil || $0.name.contains(filter ?? "") }
    guard !cases.isEmpty else {
      throw ValidationError("no case's name contains \"\(filter ?? "")\"; --list shows them all")
    }
    if list {
      for test in cases { print(CaseText.listing(of: test)) }
      return
    }
    let testbed = Testbed(try choice.chosen(), devicePaths: choice.devicePaths)
    let run = ConformanceRun(cases, on: testbed) { test, outcome in
      if json {
        print(CaseText.json(test, outcome))
      } else if let text = CaseText.text(test, outcome, verbose: verbose) {
        print(text)
      }
    }
    print(json ? CaseText.json(run.counts) : run.closingLine)
    if run.counts.failed > 0 { throw ExitCode.failure }
  }

  /// Drives the first DSA among the devices.
  private func driveEngine() throws {
    let run: EngineRun
    do {
      run = try EngineRun(
        on: try choice.chosenWithEngine(), paths: choice.devicePaths, pasidCount: pasids,
        filter: filter
      ) { print($0) }
    } catch let absence as EngineAbsence {
      print("engine: not tried: \(absence)")
      throw ExitCode.failure
    }
    print(run.closingLine)
    if !run.isGood { throw ExitCode.failure }
  }
}
