import ArgumentParser
import DeviceModels
import HostABI
import HostLab
import LinuxHost
import SoftHost
import Synchronization

/// Which kernel is tried.
struct KernelChoice: ParsableArguments {
  @Flag(help: "The kernel that this program runs on.")
  var kernel = false

  @Flag(help: "A server in memory, with devices that have PASIDs.")
  var soft = false

  @Flag(help: "With --soft: as a user who may lock 64 KiB and has no capabilities.")
  var user = false

  @Option(
    name: .customLong("device"),
    help: "A VFIO device's node; all of /dev/vfio/devices/vfio0 to vfio15 unless given.")
  var devices: [String] = []

  /// Nodes that are tried.
  var devicePaths: [String] {
    devices.isEmpty ? (0..<16).map { "/dev/vfio/devices/vfio\($0)" } : devices
  }

  /// The kernel.
  func chosen() throws -> any HostKernel {
    switch (soft, kernel) {
    case (true, false):
      SoftwareHost.server(answersMockRequests: true).makeProcess(
        user ? Credentials(lockedMemoryLimit: 64 << 10) : .root)
    case (false, true): LinuxKernel()
    default: throw ValidationError("say which kernel: --soft or --kernel")
    }
  }

  /// The kernel for whoever drives an engine: in memory, one with a DSA at work.
  func chosenWithEngine() throws -> any HostKernel {
    guard soft, !kernel else { return try chosen() }
    let devices = try DeviceSet([DeviceChoice(parsing: "dsa")])
    let host = try SoftwareHost(devices.hostDescription(UnitChoice()))
    // At work until the program ends.
    Self.engines.withLock { $0.append(devices.start(on: host)) }
    return host.makeProcess(user ? Credentials(lockedMemoryLimit: 64 << 10) : .root)
  }

  private static let engines = Mutex<[RunningDevices]>([])
}
