package import LogText

/// What `passage host` is asked to do.
package struct HostRunOptions: Hashable, Sendable {
  /// The host's IOMMU.
  package enum Unit: String, CaseIterable, Hashable, Sendable {
    /// A VT-d unit.
    case vtd
    /// An SMMUv3.
    case smmuv3
  }

  /// The program and its arguments; never empty.
  package var command: [String]
  /// The devices as the user described them, `KIND[@BDF][,key=value…]`.
  package var devices: [String]
  /// The host's IOMMU.
  package var unit: Unit
  /// The log, if there is to be one.
  package var log: LogOptions?
  /// Whether the mock-device requests of the kernel's self-tests are answered.
  package var answersMockRequests: Bool
  /// What goes wrong for the program.
  package var faults: FaultPlan
  /// What the host lacks.
  package var limits: HostLimits

  /// The device of a host that nobody described.
  package static let usualDevice = "dsa@0000:6a:01.0"

  /// Describes a run.
  package init(
    command: [String], devices: [String] = [usualDevice], unit: Unit = .vtd, log: LogOptions? = nil,
    answersMockRequests: Bool = false, faults: FaultPlan = FaultPlan(),
    limits: HostLimits = HostLimits()
  ) {
    self.command = command
    self.devices = devices
    self.unit = unit
    self.log = log
    self.answersMockRequests = answersMockRequests
    self.faults = faults
    self.limits = limits
  }
}
