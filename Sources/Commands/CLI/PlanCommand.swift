import ArgumentParser
import HostSystem
import PCIe
import Placement

struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Find one offset for all devices of a model, and keep it.",
    discussion: """
      SOURCE is anything that `passage inspect` takes, or survey lines. Devices are grouped by \
      vendor, device and revision ID. Memory grows with the number of different models, not with \
      that of devices.

      With --check, says of each device whether it still honours the decision: whether a guest that \
      migrates to it sees the same bytes.

      Exit status: 0 planned or honoured, 2 devices of a model conflict, 3 a device does not honour \
      the pin, 1 unusable input.
      """)

  @Argument(help: "Devices, dumps, folders, survey lines, or - for standard input.")
  var sources: [String]

  @OptionGroup var declared: DeclarationOptions
  @OptionGroup var capability: CapabilityOptions
  @OptionGroup var view: ViewOption

  @Option(help: ArgumentHelp("Write the decision into a file.", valueName: "FILE"))
  var pin: String?

  @Option(help: ArgumentHelp("Check devices against a decision.", valueName: "FILE"))
  var check: String?

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    guard pin == nil || check == nil else {
      throw ValidationError("--pin writes a decision and --check reads one: give one of them")
    }
    guard check == nil || !capability.isGiven else {
      throw ValidationError(
        "--check takes the capability from the pin: --pasid-bits, --exec and --priv go with --pin")
    }
  }

  func run() throws {
    let messages = Messages()
    defer { messages.finish() }
    do {
      if let check {
        try self.check(check, messages)
      } else {
        try plan(messages)
      }
    } catch let problem as InputProblem {
      messages.problem(problem)
      throw ExitStatus.unusableInput
    }
  }

  private func check(_ path: String, _ messages: Messages) throws {
    let checker = PinChecker(
      try PinFile.read(path), try declared.declarations(), json: json, messages: messages)
    checker.views = try view.views(messages)
    SourceLoader(handler: checker).load(sources)
    checker.finish()
    if messages.problems > 0 { throw ExitStatus.unusableInput }
    if checker.broken > 0 { throw ExitStatus.pinNotHonoured }
  }

  private func plan(_ messages: Messages) throws {
    let reader = FleetReader(messages: messages)
    reader.views = try view.views(messages)
    let declarations = try declared.declarations()
    SourceLoader(handler: reader).load(sources)
    let fleet = reader.survey()
    if messages.gaveUp { throw ExitStatus.unusableInput }
    let plans = fleet.plan(declarations)
    if plans.isEmpty, !json { throw ExitStatus.unusableInput }
    var sink = ByteSink()
    if json {
      var text = JSONText(lineDepth: 4)
      PlanJSON.write(plans, to: &text)
      try sink.write(text.bytes)
    } else {
      try sink.write(PlanTextReport.text(plans, style: TextStyle(colored: Terminal.wantsColor)))
    }
    try sink.flush()
    // A decision that rests on a part of the fleet must not be kept as one for all of it.
    if messages.problems > 0 {
      if let pin { messages.note("\(pin) is not written, because some input could not be used") }
      throw ExitStatus.unusableInput
    }
    if let pin {
      let decision = Pin(capability: capability.capability, models: plans.map { ModelPin($0) })
      do {
        try OutputFile.replace(pin, with: PinFile.text(decision))
      } catch {
        throw InputProblem.host(error)
      }
    }
    if plans.contains(where: { $0.decision.outcome == .refused }) { throw ExitStatus.refused }
  }
}
