import ArgumentParser
import HostSystem
import PCIe
import Placement

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show a device's config space, and where a vPASID capability can go.",
    discussion: """
      SOURCE is an address of this machine (0000:6a:01.0 or 6a:01.0), a sysfs config file, text of \
      lspci -x, -xxx or -xxxx, a folder of those, or - for standard input. Without one, a built-in \
      sample is shown: the Data Streaming Accelerator of Sapphire Rapids.

      Several dumps of one device model speak for each other: what is in use on one is not free on \
      the others.

      Exit status: 0 placed or already present, 2 refused, 1 unusable input.
      """)

  @Argument(help: "Devices, dumps, folders, or - for standard input.")
  var sources: [String] = []

  @Option(
    help: ArgumentHelp("Show only the device with this address.", valueName: "BDF"),
    transform: TextArgument.address)
  var select: PCIAddress?

  @Option(
    help: ArgumentHelp("Grade this offset instead of finding the best one.", valueName: "N"),
    transform: TextArgument.offset)
  var offset: Int?

  @OptionGroup var declared: DeclarationOptions

  @OptionGroup var view: ViewOption

  @OptionGroup var capability: CapabilityOptions

  @Flag(help: "Print JSON.")
  var json = false

  @Option(help: ArgumentHelp("Draw the map of one device into a file.", valueName: "FILE"))
  var svg: String?

  @Flag(help: "Print the guest's config space in the form of lspci -xxxx.")
  var emitConfig = false

  func validate() throws {
    guard !json || !emitConfig else {
      throw ValidationError(
        "--json and --emit-config exclude each other: both print to standard output")
    }
  }

  func run() throws {
    let messages = Messages()
    defer { messages.finish() }
    let reader = DeviceReader(messages: messages)
    if sources.isEmpty {
      reader.device(.sample)
      if !json { messages.note("no SOURCE given: this is a built-in sample device") }
    } else {
      SourceLoader(handler: reader).load(sources)
    }
    let inspected: [InspectedDevice]
    do {
      let devices = reader.devices
      let views = try self.views(of: devices, messages)
      let request = InspectRequest(
        offset: offset, declarations: try declared.declarations(),
        capability: capability.isGiven ? capability.capability : nil)
      // All devices are inspected even when one is selected: the others are evidence.
      inspected = try selected(
        from: Inspection.inspect(devices, views: views, request: request))
    } catch {
      messages.problem(error)
      throw ExitStatus.unusableInput
    }
    for device in inspected { try checkPromise(of: device, messages) }
    try output(inspected, messages)
    if messages.problems > 0 { throw ExitStatus.unusableInput }
    let isRefused = inspected.contains { $0.decision.outcome == .refused }
    if isRefused { throw ExitStatus.refused }
  }

  /// Views by the index of their device.
  private func views(
    of devices: [LoadedDevice], _ messages: Messages
  ) throws(InputProblem) -> [Int: ConfigSpace] {
    let source = try VFIOViews(view.vfioView, messages)
    var views: [Int: ConfigSpace] = [:]
    for (index, device) in devices.enumerated() {
      views[index] = try source.view(of: device, isOnly: devices.count == 1)
      if views[index] == nil, let vfioView = view.vfioView {
        messages.note("\(device.name): \(vfioView) has no view of it")
      }
    }
    try source.finish()
    return views
  }

  /// A guest must not be promised what the device does not have.
  private func checkPromise(of device: InspectedDevice, _ messages: Messages) throws {
    guard let own = device.own, !device.capability.isWithin(own) else { return }
    messages.problem(
      "\(device.device.name): --pasid-bits, --exec or --priv promise more than the device has: "
        + "\(own.width) bits, \(own.execute ? "" : "no ")execute, "
        + "\(own.privileged ? "" : "no ")privileged mode")
    throw ExitStatus.unusableInput
  }

  private func selected(
    from devices: [InspectedDevice]
  ) throws(InputProblem) -> [InspectedDevice] {
    guard let address = select else { return devices }
    let chosen = devices.filter { $0.device.address == address }
    guard !chosen.isEmpty else {
      throw .notSelected(address, available: devices.compactMap(\.device.address))
    }
    return chosen
  }

  private func output(_ devices: [InspectedDevice], _ messages: Messages) throws {
    if let svg { try draw(devices, to: svg, messages) }
    var sink = ByteSink()
    if json {
      var text = JSONText(lineDepth: 4)
      InspectJSON.write(devices, to: &text)
      try sink.write(text.bytes)
    } else if emitConfig {
      for (index, device) in devices.enumerated() {
        // What has no address gets one that no other device of the text has.
        let slot = PCIAddress(
          bus: UInt8(truncatingIfNeeded: index >> 8), device: UInt8(index >> 3 & 31),
          function: UInt8(index & 7))
        try emit(device, at: device.device.address ?? slot, to: &sink, messages)
      }
    } else {
      let style = TextStyle(colored: Terminal.wantsColor)
      for (index, device) in devices.enumerated() {
        if index > 0 { try sink.write("\n") }
        try sink.write(
          InspectTextReport.text(device, capability: device.capability, style: style))
      }
    }
    try sink.flush()
  }

  private func emit(
    _ device: InspectedDevice, at address: PCIAddress, to sink: inout ByteSink,
    _ messages: Messages
  ) throws {
    let name = device.device.name
    guard let config = device.guestConfig else {
      let why = device.decision.reasons.map { "\($0)" }.joined(separator: "; ")
      messages.note("\(name): refused, so there is no guest config space: \(why)")
      return
    }
    messages.note(
      "\(name): PASID at 0x\(String(device.decision.offset ?? 0, radix: 16)), "
        + device.decision.word)
    try sink.write(
      DumpTextWriter.text(
        address: address,
        title: device.device.title, config: config))
    try sink.write("\n")
  }

  private func draw(_ devices: [InspectedDevice], to path: String, _ messages: Messages) throws {
    guard devices.count == 1, let device = devices.first else {
      messages.problem(
        "--svg draws one device, and the sources hold \(devices.count): choose one with --select")
      throw ExitStatus.unusableInput
    }
    do {
      try OutputFile.replace(
        path, with: ConfigMapSVG.svg(device, capability: device.capability))
    } catch {
      messages.problem(.host(error))
      throw ExitStatus.unusableInput
    }
  }
}

extension LoadedDevice {
  /// The built-in sample.
  static let sample = LoadedDevice(
    address: SampleDevice.address, source: "built-in sample",
    title: "System peripheral: Intel Corporation Data Streaming Accelerator (Sapphire Rapids)",
    config: SampleDevice.sapphireRapidsDSA)
}
