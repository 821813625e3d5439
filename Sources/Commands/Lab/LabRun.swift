package import HostABI
import Hardware
import IOMMU
package import SoftHost

/// The lab: one way through the whole house in one process, step by step.
package enum Lab {
  /// How many PASIDs a run may use.
  package static let pasidCounts = 1...64

  /// Runs all steps on a software host of its own; a step that fails ends the run.
  ///
  /// - Parameters:
  ///   - pasidCount: How many PASIDs to use, one of ``pasidCounts``.
  ///   - host: The host; its first device is used. A new server when not given.
  ///   - seam: Stands between the VMM and the host, for tests that let calls fail.
  /// - Returns: What was done and found.
  package static func run(
    pasidCount: Int, host: LabHost = LabHost(),
    seam: (SoftProcess) -> any HostKernel = { $0 }
  ) -> LabReport {
    precondition(pasidCounts.contains(pasidCount), "no such number of PASIDs")
    let run = LabRun(host, pasidCount: pasidCount, seam: seam)
    run.run()
    return run.report
  }
}

/// The software host of the lab.
package struct LabHost: Sendable {
  let description: DeviceDescription
  /// The host.
  package let host: SoftwareHost

  /// Takes a host with a device of its own.
  init(_ description: DeviceDescription, host: SoftwareHost) {
    self.description = description
    self.host = host
  }

  /// Builds a server whose units compare what they cached with the tables.
  package init() {
    do {
      let description = try HostDescription.server(isStrict: true)
      self.description = description.devices[0]
      host = try SoftwareHost(description)
    } catch {
      preconditionFailure("the sample host cannot be built: \(error)")
    }
  }
}

/// One run of the lab as it goes on.
final class LabRun: LabDeviceUser {
  let host: SoftwareHost
  let description: DeviceDescription
  let endpoint: Endpoint
  let kernel: WitnessKernel
  let seams = SeamLog()
  let pasidCount: Int
  var report: LabReport
  /// What the VMM may pin, in bytes: more than its guest has.
  private static let lockedMemoryLimit: UInt64 = 8 << 20

  init(_ lab: LabHost, pasidCount: Int, seam: (SoftProcess) -> any HostKernel) {
    host = lab.host
    description = lab.description
    endpoint = lab.host.endpoints[0]
    // No root, so that what it pins is charged to it.
    let vmm = lab.host.makeProcess(Credentials(lockedMemoryLimit: Self.lockedMemoryLimit))
    kernel = WitnessKernel(seam(vmm), seams)
    self.pasidCount = pasidCount
    report = LabReport(pasidCount: pasidCount)
  }

  func run() {
    do {
      showHost(description, Self.deviceTitle)
      try useDevice()
      showEnd()
      report.isComplete = true
    } catch {
      fail(error)
    }
    endStep()
  }

  /// All steps that need the device; when they are over, so are the VMM's objects.
  private func useDevice() throws {
    let machine = try setUp()
    try makeTables(machine)
    try doDMA(machine.processes, machine.memory)
    try meetFaults(machine)
    try requestPages(machine)
    try forgetInvalidation(machine)
    try takeApart(machine)
  }
}

extension LabRun {
  /// The way of requests from the VMM to the host.
  static let controlWay = ["VMM", "IOMMUClient", "HostKernel", "SoftHost"]
}
