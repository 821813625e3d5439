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

  /// What is served and where.
  var introduction: String {
    let functions = plan.devices + (plan.unit.map { [$0] } ?? [])
    let width = functions.map(\.name.utf8.count).max() ?? 0
    var text = "Served in \(folder):\n"
    for function in functions {
      text += "  " + HumanText.padded(function.name, width) + "  in the guest at "
      text += "\(function.place)\n"
    }
    if plan.unit == nil {
      text += "  No --iommu: the devices' PASIDs have no way through; the rest works.\n"
    }
    return text + "\nOptions for QEMU 10.1 or later (qemu-system-x86_64):\n"
  }

  /// What else is to know.
  var closing: String {
    var text = "\n"
    for note in command.notes {
      // Without a command nobody has said how much memory there is to be.
      text += "Note: \(note).\n"
    }
    text += "Status: passage serve --status --socket-dir \(folder)\n"
    return text + "Ctrl-C ends it.\n"
  }
}
