import ArgumentParser
import HostLab
import HostSystem

struct HostCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "host",
    abstract: "Run any program, unmodified, on a software host with IOMMU, VFIO and PASIDs.",
    usage: "passage host [options] [-- COMMAND [ARGUMENT …]]",
    discussion: """
      COMMAND sees /dev/iommu, /dev/vfio and the devices' entries in sysfs, and its devices do DMA \
      in its memory through PASIDs. Everything else of the machine is as it is. No privileges are \
      needed where the system has user namespaces. Without COMMAND a built-in driver of the DSA-like \
      engine runs.

      --fail and its kin make things go wrong on purpose. REQUEST is a name of Linux's headers in \
      any case, with or without IOMMU_ or VFIO_, or open, close, dup, read, write, pread, pwrite, \
      mmap; n chooses the n-th. Examples: --fail HWPT_ALLOC:3=ENOMEM, --delay RESET=20ms, \
      --page-request vfio0:0x1000,pasid=5,write,after=ATTACH:2.

      Exit status: the program's own, 128 and the signal's number when a signal ended it; 1 \
      unusable options; 125 no such host can be made, 126 the program cannot be run, 127 there is \
      none.
      """)

  @Option(
    help: ArgumentHelp(
      "A device of the host; can be given several times (default: a DSA-like engine at "
        + "0000:6a:01.0).",
      valueName: "KIND[@BDF][=FILE][,key=value…]"))
  var device: [String] = []

  @Option(help: ArgumentHelp("The host's IOMMU.", valueName: "vtd|smmuv3"))
  var iommu: HostRunOptions.Unit = .vtd

  @Flag(help: "Answer the mock-device requests of the kernel's iommufd self-test.")
  var mockDevices = false

  @OptionGroup(title: "Log")
  var log: LogOptionGroup

  @OptionGroup(title: "Faults")
  var faults: HostFaultOptions

  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp(
      "The program and its arguments, behind -- (default: a built-in driver).",
      valueName: "COMMAND"))
  var command: [String] = []

  func validate() throws { _ = try options() }

  func run() throws {
    let status = HostRun.run(try options())
    throw ExitCode(status)
  }

  /// What the arguments say.
  func options() throws -> HostRunOptions {
    HostRunOptions(
      command: command.isEmpty ? BuiltInDriver.command() : command,
      devices: device.isEmpty ? [HostRunOptions.usualDevice] : device,
      unit: iommu, log: log.log, answersMockRequests: mockDevices, faults: try faults.plan(),
      limits: faults.limits)
  }
}

/// What goes wrong for the program, and what its host lacks.
struct HostFaultOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Let a request fail.", valueName: "REQUEST[:n][=ERRNO]"))
  var fail: [String] = []

  @Option(
    help: ArgumentHelp("Answer a request late, such as RESET=20ms.", valueName: "REQUEST[:n]=TIME"))
  var delay: [String] = []

  @Option(
    help: ArgumentHelp(
      "Let a device ask for a page after a request, the first attach by default.",
      valueName: "DEVICE:ADDRESS[,pasid=N][,write][,after=REQUEST[:n]]"))
  var pageRequest: [String] = []

  @Flag(help: "A host without PASIDs.")
  var noPasid = false

  @Option(help: ArgumentHelp("Bits of a PASID that the IOMMU has.", valueName: "1…20"))
  var pasidBits: Int?

  @Flag(help: "An IOMMU that cannot nest guests' page tables.")
  var noNesting = false

  func validate() throws {
    if let pasidBits, !(1...20).contains(pasidBits) {
      throw ValidationError("--pasid-bits is \(pasidBits): expected 1 to 20")
    }
    if noPasid, pasidBits != nil {
      throw ValidationError("--no-pasid and --pasid-bits exclude each other")
    }
  }

  /// The plan, with a message that lists what there is when a name is wrong.
  func plan() throws -> FaultPlan {
    do {
      return try FaultPlan(failures: fail, delays: delay, pageRequests: pageRequest)
    } catch {
      throw ValidationError("\(error)")
    }
  }

  var limits: HostLimits {
    HostLimits(hasPASID: !noPasid, pasidBits: pasidBits, hasNesting: !noNesting)
  }
}

extension HostRunOptions.Unit: ExpressibleByArgument {}
