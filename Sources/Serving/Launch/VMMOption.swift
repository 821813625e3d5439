/// One option of a QEMU, as it stands on the command line.
struct VMMOption: Hashable {
  /// The name without dashes; empty for a word that is no option.
  var name: String
  /// The word behind it; `nil` for an option that takes none.
  var value: String?
  /// Where the option's first word stands in the command.
  var index: Int

  /// The option as people would write it.
  var text: String {
    name.isEmpty ? value ?? "" : "-" + name + (value.map { " " + $0 } ?? "")
  }

  /// Options of QEMU that take no value (`qemu-system-x86_64 -help`, 7.2 to 11.1, and aliases that
  /// the help leaves out).
  static let plain: Set<String> = [
    "h", "help", "version", "mem-prealloc", "snapshot", "usb", "nographic", "portrait",
    "no-quit", "no-frame", "alt-grab", "ctrl-grab", "curses", "sdl", "full-screen",
    "win2k-hack", "no-fd-bootchk", "no-acpi", "no-hpet", "preconfig", "S", "s", "singlestep",
    "one-insn-per-tb", "enable-kvm", "xen-attach", "xen-domid-restrict", "no-reboot",
    "no-shutdown", "daemonize", "only-migratable", "nodefaults", "no-user-config",
    "enable-sync-profile", "perfmap", "jitdump", "semihosting", "enable-fips", "old-param",
    "no-kvm", "no-kvm-irqchip", "no-kvm-pit", "realtime", "nouserconfig",
  ]

  /// Reads what stands behind the program.
  ///
  /// - Parameters:
  ///   - words: The whole command.
  ///   - start: Where the options begin.
  /// - Returns: The options in their order.
  /// - Throws: ``VMMCommandError/valueMissing(option:)`` when the last one lacks its value.
  static func read(_ words: [String], from start: Int) throws(VMMCommandError) -> [VMMOption] {
    var options: [VMMOption] = []
    var index = start
    while index < words.count {
      let word = words[index]
      guard word.hasPrefix("-"), word != "-" else {
        options.append(VMMOption(name: "", value: word, index: index))
        index += 1
        continue
      }
      // QEMU takes one dash or two.
      let name = String(word.dropFirst(word.hasPrefix("--") ? 2 : 1))
      if plain.contains(name) {
        options.append(VMMOption(name: name, value: nil, index: index))
        index += 1
        continue
      }
      guard index + 1 < words.count else { throw .valueMissing(option: word) }
      options.append(VMMOption(name: name, value: words[index + 1], index: index))
      index += 2
    }
    return options
  }
}
