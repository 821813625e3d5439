import ArgumentParser
import Conformance
import HostABI

/// Tries a kernel, real or software, against what is written about it.
@main
struct PassageConformance: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "passage-conformance",
    abstract: "Tries a host kernel, real or software, against what iommufd and VFIO promise.")

  @OptionGroup var choice: KernelChoice

  @OptionGroup(title: "Sequences") var sequences: SequenceOptions

  @Option(help: "Only cases whose name contains this text.")
  var filter: String?

  @Flag(help: "List the cases and what they need.")
  var list = false

  @Flag(help: "Print one JSON object a case.")
  var json = false

  @Flag(help: "Print every case, not only those that fail.")
  var verbose = false

  func run() throws {
    if sequences.sequences != nil || sequences.replay != nil {
      return try SequenceRun(options: sequences, usesRealKernel: choice.kernel)()
    }
    let cases = ConformanceSuite.cases.filter { filter == nil || $0.name.contains(filter ?? "") }
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
    print(run.closingLine)
    if run.counts.failed > 0 { throw ExitCode.failure }
  }
}
