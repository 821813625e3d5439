import HostSystem
import LogText
import Serving

/// What `passage serve` says to people before a VMM connects.
struct ServeWords {
  private let plan: VMMPlan
  private let folder: String
  private let command: VMMCommand

  /// Describes what is served.
  ///
  /// - Parameters:
  ///   - plan: What a VMM is to be given.
  ///   - folder: The folder of the sockets.
  ///   - command: What has to be added to the VMM's command line.
  init(_ plan: VMMPlan, folder: String, command: VMMCommand) {
    self.plan = plan
    self.folder = folder
    self.command = command
  }

  /// What is to be known of devices without a unit of ours in front; `nil` when there is one.
  ///
  /// Messages of vfio-user carry no PASID, and a VMM's own IOMMU sees nothing else.
  static func warning(_ plan: VMMPlan) -> String? {
    guard plan.unit == nil else { return nil }
    return "without --iommu, there is no path to memory for DMA with a PASID; the rest works"
  }

  /// What a VMM that failed does not say by itself; `nil` when there is nothing.
  ///
  /// - Parameters:
  ///   - name: The VMM's name.
  ///   - end: How it ended.
  ///   - wasConnected: Whether it came as far as to a socket of ours.
  /// - Returns: Words for an operator.
  static func words(_ name: String, _ end: ProgramEnd, wasConnected: Bool) -> String? {
    switch end {
    case .exited(0): nil
    case .exited(let status):
      wasConnected
        ? nil
        : "\(name) ended with status \(status) before it connected; if it does not know vfio-user-pci, "
          + "it is older than QEMU 10.1"
    case .signalled(let signal): "\(name) was ended by signal \(signal)"
    }
  }

  /// What is served and where.
  var introduction: String {
    let functions = plan.devices + (plan.unit.map { [$0] } ?? [])
    let width = functions.map(\.name.utf8.count).max() ?? 0
    var text = "Served in \(folder):\n"
    for function in functions {
      text += "  " + HumanText.padded(function.name, width) + "  in the guest at "
      text += "\(function.place)\n"
    }
    return text + "\nOptions for QEMU 10.1 or later (qemu-system-x86_64):\n"
  }

  /// What else is to know.
  var closing: String {
    var text = "\n"
    if let warning = Self.warning(plan) { text += "Note: \(warning).\n" }
    for note in command.notes {
      text += "Note: \(note).\n"
    }
    text += "Status: passage serve --status --socket-dir \(ShellWords.quoted(folder))\n"
    return text + "Ctrl-C ends it.\n"
  }
}
