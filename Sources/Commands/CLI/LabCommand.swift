import ArgumentParser
import HostSystem

struct LabCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lab",
    abstract: "Take a device with PASIDs through the whole path, in one process, step by step.",
    discussion: """
      A software host with one device is opened, bound and attached as a VMM does it. A small guest \
      makes a page table for each PASID, and the device does DMA through each, meets faults, asks \
      for a page, and uses a translation that nobody invalidated. Nothing of this machine is \
      touched, and no privileges are needed.

      Exit status: 0 every step did what it states, 1 one did not.
      """)

  @Option(
    help: ArgumentHelp("How many PASIDs to use.", valueName: "1…64"))
  var pasids = 3

  @Flag(help: "Print JSON.")
  var json = false

  @Option(help: ArgumentHelp("Draw the path of one translation into a file.", valueName: "FILE"))
  var svg: String?

  func validate() throws {
    guard Lab.pasidCounts.contains(pasids) else {
      throw ValidationError(
        "--pasids takes a number from \(Lab.pasidCounts.lowerBound) to "
          + "\(Lab.pasidCounts.upperBound), and not \(pasids)")
    }
  }

  func run() throws {
    let messages = Messages()
    defer { messages.finish() }
    let report = Lab.run(pasidCount: pasids)
    if let svg { try draw(report, to: svg, messages) }
    var sink = ByteSink()
    if json {
      var text = JSONText(lineDepth: 4)
      LabJSON.write(report, to: &text)
      try sink.write(text.bytes)
    } else {
      try sink.write(LabTextReport.text(report, style: TextStyle(colored: Terminal.wantsColor)))
    }
    try sink.flush()
    guard report.holds else { throw ExitStatus.stepFailed }
  }

  private func draw(_ report: LabReport, to path: String, _ messages: Messages) throws {
    guard let walk = report.facts.walk else {
      messages.note("\(path) is not written, because no translation was made")
      return
    }
    do {
      try OutputFile.replace(path, with: LabWalkSVG.svg(walk, in: report))
    } catch {
      messages.problem(.host(error))
      throw ExitStatus.unusableInput
    }
  }
}
