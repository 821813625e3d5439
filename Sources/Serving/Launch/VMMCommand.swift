/// A VMM's command line with all that its guest needs to find the served functions.
///
/// Pure values: nothing is started, no file is looked at. QEMU 10.1 and later have `vfio-user-pci`.
public struct VMMCommand: Hashable, Sendable {
  /// What is added, one option a line, before the user's own options.
  ///
  /// QEMU makes devices in the order of its command line, so that those of the user that name no slot
  /// get what is left.
  public private(set) var additions: [[String]] = []
  /// The whole command; without a program only the options.
  public private(set) var words: [String] = []
  /// What the user should know.
  public private(set) var notes: [VMMNote] = []

  /// What is added, word by word.
  public var options: [String] { additions.flatMap(\.self) }
  /// What is added, as lines that can be pasted behind a program in a shell.
  public var printed: String { ShellWords.lines(additions) }

  /// What a guest's kernel needs on its command line to use the unit.
  public static let kernelWords = "intel_iommu=on,sm_on"

  /// Completes a command.
  ///
  /// A machine, memory that can be shared and the devices are added; a `-machine`, `-m` or
  /// `memory-backend` of the user stays what it is. The guest kernel's words are added to an `-append`
  /// that says nothing of `intel_iommu`.
  ///
  /// - Parameters:
  ///   - command: The program and its arguments, perhaps behind other programs that start it
  ///     (`taskset 1 qemu-system-x86_64 …`); empty for the options alone.
  ///   - plan: What is to be added.
  /// - Throws: ``VMMCommandError``.
  public init(_ command: [String], _ plan: VMMPlan) throws(VMMCommandError) {
    try Self.check(plan)
    let program = try Self.program(in: command)
    if plan.unit != nil, let program {
      let name = Self.baseName(command[program])
      guard !name.hasPrefix("qemu-system-") || name.hasPrefix("qemu-system-x86_64") else {
        throw .notPC(command[program])
      }
    }
    let start = program.map { $0 + 1 } ?? 0
    let users = VMMUserOptions(try VMMOption.read(command, from: start))
    try users.check(against: plan)

    try addMachine(users)
    if let table = plan.table {
      additions.append(["-acpitable", "file=" + VMMProperties.escaped(table)])
    }
    addDevices(plan, users)

    words = command[..<start] + options + command[start...]
    if plan.unit != nil { addKernelWords(users, behind: start) }
  }

  /// Which word is the emulator; `nil` in an empty command.
  private static func program(in command: [String]) throws(VMMCommandError) -> Int? {
    guard let first = command.first else { return nil }
    let known = command.firstIndex {
      let name = baseName($0)
      return name.hasPrefix("qemu-system-") || name == "qemu-kvm"
    }
    if let known { return known }
    guard baseName(first).contains("qemu") || baseName(first) == "kvm" else {
      throw .unknownVMM(first)
    }
    return 0
  }

  private static func baseName(_ path: String) -> Substring {
    path.split(separator: "/").last ?? ""
  }

  private static func check(_ plan: VMMPlan) throws(VMMCommandError) {
    var names: [VMMPlace: String] = [:]
    for slot in plan.ports {
      let place = VMMPlace(device: slot)
      guard slot < 32 else { throw .noSuchPlace(place, "a root port") }
      names[place] = "a root port"
    }
    for function in plan.functions {
      let place = function.place
      let limit = place.port == nil ? 32 : 1
      guard place.device < limit, place.function < 8 else {
        throw .noSuchPlace(place, function.name)
      }
      if let other = names.updateValue(function.name, forKey: place) {
        throw .samePlace(place, other, function.name)
      }
    }
  }

  // MARK: What is added

  private mutating func addMachine(_ users: VMMUserOptions) throws(VMMCommandError) {
    var machine = users.hasMachine ? [] : ["q35"]
    if !users.hasOwnMemory {
      let size = try users.memory()
      if size == nil {
        notes.append(.memory(VMMMemorySize.usual.text))
        additions.append(["-m", VMMMemorySize.usual.text])
      }
      let text = (size ?? .usual).text
      additions.append([
        "-object", "memory-backend-memfd,id=\(Self.memoryID),size=\(text),share=on",
      ])
      machine.append("memory-backend=\(Self.memoryID)")
    }
    if !machine.isEmpty { additions.append(["-machine", machine.joined(separator: ",")]) }
  }

  private mutating func addDevices(_ plan: VMMPlan, _ users: VMMUserOptions) {
    var chassis: UInt8 = 0
    for (index, slot) in plan.ports.enumerated() {
      repeat { chassis &+= 1 } while users.chassis.contains(chassis) && chassis < .max
      additions.append([
        "-device",
        "pcie-root-port,id=\(Self.portID(index)),bus=pcie.0,addr=\(VMMPlace.hex(slot)).0,"
          + "chassis=\(chassis),slot=\(slot)",
      ])
    }
    for function in plan.functions {
      let port = function.place.port.flatMap { plan.ports.firstIndex(of: $0) }
      let isFirst = function.place.function == 0
      let hasOthers = plan.functions.contains {
        $0.place.port == function.place.port && $0.place.device == function.place.device
          && $0.place.function != 0
      }
      let members = [
        "\"driver\":\"vfio-user-pci\"",
        "\"bus\":\"\(port.map(Self.portID) ?? "pcie.0")\"",
        "\"addr\":\"\(function.place.address)\"",
        isFirst && hasOthers ? "\"multifunction\":true" : nil,
        "\"socket\":{\"path\":\(FlatJSON.quoted(function.socket)),\"type\":\"unix\"}",
      ]
      additions.append(["-device", "{" + members.compactMap(\.self).joined(separator: ",") + "}"])
    }
  }

  private mutating func addKernelWords(_ users: VMMUserOptions, behind start: Int) {
    let missing = Self.kernelWords
    guard let append = users.last("append"), let line = append.value else {
      notes.append(.kernelNeeds(missing))
      return
    }
    let settings = line.split(whereSeparator: \.isWhitespace).filter {
      $0.hasPrefix("intel_iommu=")
    }
    .flatMap { $0.dropFirst("intel_iommu=".count).split(separator: ",") }
    if settings.isEmpty {
      // The option's value stands behind its name, and all that was added before both.
      words[append.index + options.count + 1] = line.isEmpty ? missing : line + " " + missing
      notes.append(.kernelGets(missing))
    } else if !settings.contains("on") || !settings.contains("sm_on") {
      notes.append(.kernelNeeds(missing))
    }
  }

  static let memoryID = "passage-ram"
  static func portID(_ index: Int) -> String { "passage-port\(index)" }
}
