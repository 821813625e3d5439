package import HostABI
import Hardware
import IOMMU
import IOMMUClient
import PCIe
import Passthrough
package import SoftHost
import VirtualIOMMU

extension Lab {
  /// Runs the steps of a guest that drives a VT-d unit of its own; a step that fails ends the run.
  ///
  /// - Parameters:
  ///   - options: The device, how many PASIDs, and what is made to fail.
  ///   - host: The host that it starts on, made with the same options.
  ///   - target: The host that it migrates to, made likewise.
  ///   - seam: Stands between the VMM and the first host, for tests that let calls fail.
  /// - Returns: What was done and found.
  package static func run(
    _ options: LabOptions, on host: LabHost, to target: LabHost,
    seam: (SoftProcess) -> any HostKernel = { $0 }
  ) -> LabReport {
    let run = VTdLabRun(options, host, target, seam: seam)
    run.run()
    return run.report
  }
}

/// One run of the lab with a guest's unit as it goes on.
final class VTdLabRun: LabDeviceUser {
  let options: LabOptions
  let lab: LabHost
  let target: LabHost
  let seams = SeamLog()
  var report: LabReport
  /// Where requests of the device enter, and what the VMM calls: those of the host that it is on.
  private(set) var endpoint: Endpoint
  private(set) var kernel: WitnessKernel
  private let refusing: RefusingKernel

  /// Where the guest's memory starts for the guest.
  private static let guestStart = GuestPhysicalAddress(0x10_0000)

  init(
    _ options: LabOptions, _ lab: LabHost, _ target: LabHost,
    seam: (SoftProcess) -> any HostKernel
  ) {
    self.options = options
    self.lab = lab
    self.target = target
    endpoint = lab.host.endpoints[0]
    let process = lab.host.makeProcess(Self.credentials(options))
    refusing = RefusingKernel(seam(process))
    kernel = WitnessKernel(refusing, seams)
    report = LabReport(pasidCount: options.pasidCount, iommu: .vtd, breaking: options.breaking)
  }

  /// The guest's memory: eight pages a process, and as many for all else as make whole MiB.
  private static func memorySize(_ options: LabOptions) -> UInt64 {
    (UInt64(options.pasidCount) * 8 * GuestMemory.pageSize + (3 << 20)) & ~0xF_FFFF
  }

  /// A VMM that is no root, so that what it pins is charged to it.
  private static func credentials(_ options: LabOptions) -> Credentials {
    let size = memorySize(options)
    return Credentials(
      lockedMemoryLimit: options.breaking == .memoryLimit ? size / 2 : size + (4 << 20))
  }

  /// Bytes of guest memory.
  var memorySize: UInt64 { Self.memorySize(options) }

  func isBroken(_ what: LabBreak) -> Bool { options.breaking == what }

  func run() {
    do {
      showHost(lab.description, options.device?.title ?? Self.deviceTitle)
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
    begin(
      .realise, "The VMM realises the device: ask, attach, tell the unit, decide",
      ["VMM", "Passthrough", "IOMMUClient", "HostKernel", "SoftHost"])
    let guest = try makeGuest()
    guard try realise(guest) else { return }
    try startUnit(guest)
    let usesPASIDs = try findFunction(guest)
    if usesPASIDs {
      try attachPASIDs(guest)
      try doDMA(guest.processes, guest.memory)
      showTables(guest)
      try unmap(guest)
      try meetFaults(guest)
      try requestPages(guest)
      try replaceTable(guest)
      try detachPASID(guest)
      try migrate(guest)
    }
    unplug(guest)
  }

  private func makeGuest() throws -> LabGuest {
    let memory = try GuestMemory(
      on: kernel, at: Self.guestStart, byteCount: Self.memorySize(options))
    let machine = try LabVirtualMachine(
      lab, configuration(), kernel, refusing, at: memory.start, memory.backing,
      breaking: options.breaking, seams)
    return LabGuest(machine, memory, seams)
  }

  /// Makes the virtual machine that a guest migrates to, without its device.
  func makeTarget(for guest: LabGuest) throws -> (LabVirtualMachine, GuestBacking) {
    let refusing = RefusingKernel(target.host.makeProcess(Self.credentials(options)))
    let kernel = WitnessKernel(refusing, seams)
    let backing = try GuestBacking(on: kernel, byteCount: guest.memory.byteCount)
    let machine = try LabVirtualMachine(
      target, configuration(), kernel, refusing, at: guest.memory.start, backing,
      breaking: options.breaking, seams)
    return (machine, backing)
  }

  /// From now on the guest runs on another host.
  func move(_ guest: LabGuest, to machine: LabVirtualMachine, _ backing: GuestBacking) {
    guest.machine = machine
    guest.memory.backing = backing
    guest.driver.unit = WitnessUnit(machine.unit, seams, guest.memory)
    endpoint = machine.endpoint
    kernel = machine.kernel
  }

  /// What the user asks of the guest's unit.
  private func configuration() throws(VTdConfigurationError) -> VTdConfiguration {
    var features = VTdConfiguration.passthroughFeatures.union(.dirtyTracking)
    if isBroken(.noCachingMode) { features.remove(.cachingMode) }
    return try VTdConfiguration(
      addressWidth: isBroken(.narrowHost) ? 57 : 48,
      pasidBits: isBroken(.narrowVIOMMU) ? options.narrowWidth : 20, features: features)
  }

  /// What the operator asks of the capabilities.
  func synthesis(on host: LabHost, at offset: Int? = nil) -> SynthesisRequest {
    let config = host.description.function.config
    let colliding =
      isBroken(.collidingOffset) ? config.walkCapabilities().extended.last?.offset : nil
    return SynthesisRequest(offset: offset ?? colliding, ownConfig: config)
  }
}
