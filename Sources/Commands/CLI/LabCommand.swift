import ArgumentParser
import HostSystem

struct LabCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lab",
    abstract: "Take a device with PASIDs through the whole path, in one process, step by step.",
    discussion: """
      A guest in software programs a VT-d unit: registers, queues and tables, as Linux does. A VMM \
      has realised a device of a software host for it. The guest finds the device's PASIDs in \
      config space, gives each process one, and the device does DMA through each, meets faults, \
      asks for a page, and moves to a second host with its guest. What crossed which seam is \
      printed, and every step is checked. Nothing of this machine is touched, and no privileges are \
      needed.

      SOURCE is what passage inspect takes, with one device. With --break a part fails on purpose, \
      and what an operator is told is printed; --break list names all parts, with a line each.

      Exit status: 0 every step did what it states, or failed as it was to; 1 one did not, or \
      unusable input.
      """)

  @Option(
    help: ArgumentHelp(
      "The guest's IOMMU: vtd, or none for a VMM that nests the guest's tables by itself.",
      valueName: "vtd|none"))
  var iommu: LabIOMMU = .vtd

  @Option(
    help: ArgumentHelp("The device (default: a built-in accelerator).", valueName: "SOURCE"))
  var device: String?

  @Option(
    help: ArgumentHelp("How many PASIDs to use: 1…1000, or 1…64 without IOMMU.", valueName: "N"))
  var pasids = 3

  @Option(
    name: .customLong("break"),
    help: ArgumentHelp("Let a part fail; list names them.", valueName: "WHAT"))
  var breaking: String?

  @Flag(help: "Print JSON.")
  var json = false

  @Option(help: ArgumentHelp("Draw the tables on the way of one address.", valueName: "FILE"))
  var svg: String?

  private static let listWord = "list"

  func validate() throws {
    let counts = iommu == .vtd ? LabOptions.pasidCounts : Lab.pasidCounts
    guard counts.contains(pasids) else {
      throw ValidationError(
        "--pasids takes a number from \(counts.lowerBound) to \(counts.upperBound), and not "
          + "\(pasids)")
    }
    if let breaking, breaking != Self.listWord, LabBreak(rawValue: breaking) == nil {
      throw ValidationError("--break \(breaking): no such thing; there are\n\(LabBreak.list)")
    }
    guard iommu == .vtd || device == nil && breaking == nil else {
      throw ValidationError("--device and --break need the guest's unit: leave --iommu none out")
    }
  }

  func run() throws {
    guard breaking != Self.listWord else {
      var sink = ByteSink()
      try sink.write(LabBreak.list + "\n")
      return try sink.flush()
    }
    let messages = Messages()
    defer { messages.finish() }
    let report = iommu == .vtd ? try runWithUnit(messages) : Lab.run(pasidCount: pasids)
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

  private func runWithUnit(_ messages: Messages) throws -> LabReport {
    do throws(LabOptionProblem) {
      var loaded: LabDevice?
      if let device { loaded = try load(device, messages) }
      let options = try LabOptions(
        pasidCount: pasids, device: loaded,
        breaking: breaking.flatMap { LabBreak(rawValue: $0) })
      return Lab.run(options, on: try LabHost(options), to: try LabHost(options))
    } catch {
      messages.problem("\(error)")
      throw ExitStatus.unusableInput
    }
  }

  /// Reads the one device that a source holds.
  private func load(
    _ source: String, _ messages: Messages
  ) throws(LabOptionProblem) -> LabDevice {
    let reader = DeviceReader(messages: messages)
    SourceLoader(handler: reader).load([source])
    guard let device = reader.devices.first, reader.devices.count == 1 else {
      throw .notOne(source, reader.devices.count)
    }
    return LabDevice(device)
  }

  private func draw(_ report: LabReport, to path: String, _ messages: Messages) throws {
    guard let walk = report.facts.walk else {
      messages.note("\(path) is not written, because no translation was made")
      return
    }
    let picture =
      report.facts.tables.map { LabTablesSVG.svg($0, walk, in: report) }
      ?? LabWalkSVG.svg(walk, in: report)
    do {
      try OutputFile.replace(path, with: picture)
    } catch {
      messages.problem(.host(error))
      throw ExitStatus.unusableInput
    }
  }
}

extension LabIOMMU: ExpressibleByArgument {}
