import ArgumentParser
import DeviceModels
import Serving

struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Give devices with PASIDs, and a VT-d unit, to a VMM's guest by vfio-user.",
    usage: """
      passage serve [options] [-- VMM [ARGUMENT …]]
      passage serve --status [--socket-dir DIR] [--json] [--watch]
      """,
    discussion: """
      Each device, and the unit as a function of its own, waits at a socket of its own that QEMU \
      10.1 and later connect to (-device vfio-user-pci); the guest needs no driver of ours. Without \
      --iommu, devices use guest memory as the VMM shows it to them, and DMA with PASIDs has no path.

      Devices: dsa, a data streaming accelerator (wqs, engines, entries, xfer, batch, pasid-bits, \
      block, page-requests); dump=FILE, any endpoint by its config space (bar0=64K … bar5, \
      id=8086:154c); nic, a network function without PASIDs; vfio=BDF or \
      vfio=/dev/vfio/devices/vfioN, one of this host's (pasid-offset=0x…, pasid=0). \
      @BDF is where the guest finds it: 00:08.0 and so on by default, behind a root port for 01:00.0 \
      and up. Example: --device dsa@01:00.0,wqs=2,pasid-bits=16.

      --iommu takes vtd[@BDF] with pasid-bits=N, width=39|48|57, and switches of 0 or 1: \
      \(ServedUnitChoice.keys.dropFirst(2).joined(separator: ", ")).

      With a VMM behind --, its options are added and it is started; otherwise they are printed on \
      standard output, and the server runs until Ctrl-C.

      Exit status: the VMM's own, 128 and the signal's number when a signal ended it; 1 unusable \
      options; 125 the devices cannot be served, 126 the VMM cannot be run, 127 there is none.
      """)

  @Option(
    help: ArgumentHelp(
      "A device; can be given several times (default: dsa).",
      valueName: "KIND[@BDF][=VALUE][,key=value…]"))
  var device: [String] = []

  @Option(
    help: ArgumentHelp(
      "The guest's IOMMU, which PASIDs need; none is served without it.",
      valueName: "vtd[@BDF][,key=value…]"))
  var iommu: String?

  @Option(
    help: ArgumentHelp(
      "Where the sockets are (default: a fresh folder in $XDG_RUNTIME_DIR, $TMPDIR or /tmp).",
      valueName: "DIR"))
  var socketDir: String?

  @OptionGroup(title: "Log")
  var log: LogOptionGroup

  @OptionGroup(title: "Status")
  var status: ServeStatusOptions

  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp("QEMU and its arguments, behind --.", valueName: "VMM"))
  var command: [String] = []

  func validate() throws {
    if let socketDir, socketDir.isEmpty { throw ValidationError("--socket-dir is empty") }
    if let path = log.path, path.isEmpty { throw ValidationError("--log is empty") }
    guard status.status else {
      if status.watch { throw ValidationError("--watch belongs to --status") }
      _ = try options(socketDirectory: socketDir ?? "/")
      return
    }
    guard device.isEmpty, iommu == nil, command.isEmpty, log.path == nil, !log.logAll else {
      throw ValidationError("--status asks a server that runs, and serves nothing itself")
    }
  }

  func run() throws {
    #if os(Linux)
      guard status.status else {
        let options = try options(socketDirectory: "")
        throw ExitCode(ServeRun(options, folder: socketDir).run())
      }
      try ServeStatusView(folder: socketDir, isJSON: log.json, watches: status.watch).run()
    #else
      throw ValidationError("devices can be served on Linux only")
    #endif
  }

  /// What the arguments say.
  ///
  /// - Parameter socketDirectory: Where the sockets are.
  /// - Returns: What is to be served.
  /// - Throws: `ValidationError`, with what would be right.
  func options(socketDirectory: String) throws -> ServeOptions {
    do throws(ServeChoiceError) {
      let devices = device.isEmpty ? ["dsa"] : device
      var options = ServeOptions(
        devices: try devices.map { text throws(ServeChoiceError) in
          do throws(ServeChoiceError) { return try ServedDeviceChoice(parsing: text) } catch {
            throw .argument(option: "--device", text, error)
          }
        },
        socketDirectory: socketDirectory, command: command, log: log.log)
      if let iommu {
        do throws(ServeChoiceError) {
          options.unit = try ServedUnitChoice(parsing: iommu)
          _ = try options.unitConfiguration()
        } catch {
          throw .argument(option: "--iommu", iommu, error)
        }
      }
      _ = try ServedPlaces(options)
      return options
    } catch {
      throw ValidationError("\(error)")
    }
  }
}

/// Asking a server how it stands.
struct ServeStatusOptions: ParsableArguments {
  @Flag(help: "Print how the running server stands: devices, mappings, PASIDs, faults.")
  var status = false

  @Flag(help: "Print it every second.")
  var watch = false
}
