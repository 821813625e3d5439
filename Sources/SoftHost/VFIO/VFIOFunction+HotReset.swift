package import HostABI
import PCIe

/// A reset of a whole bus or slot, which concerns every function behind it: whoever knows them all
/// puts these pieces together.
extension VFIOFunction {
  /// Which functions a reset of the bus would reset, as seen from one that is bound by descriptor.
  package struct HotResetScope: Sendable {
    /// One entry a function; the ID 0 stands for one that is owned without an ID, all ones for one
    /// that is not owned.
    package var dependents: [HotResetDependent]

    /// Whether entries name IOMMU groups, as for a device that its group's file gave.
    package var namesGroups: Bool

    /// Makes a scope.
    package init(_ dependents: [HotResetDependent], namesGroups: Bool = false) {
      self.dependents = dependents
      self.namesGroups = namesGroups
    }

    /// Whether the caller owns every function.
    package var isOwned: Bool { dependents.allSatisfy { $0.deviceID != .max } }
  }

  /// The answer to `VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`.
  package struct HotResetReply: Sendable {
    /// The fixed part, to be written back also with an error.
    package var header: HotResetInfoHeader
    /// What follows it; none with an error.
    package var dependents: [HotResetDependent]
    /// `ENOSPC` when the array does not fit.
    package var error: LinuxErrno?
  }

  /// `VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`.
  ///
  /// - Parameters:
  ///   - header: The fixed part.
  ///   - scope: Whom a reset would concern; `nil` when neither bus nor slot can be reset.
  /// - Returns: What to write back, with the error to answer when the array is too small.
  /// - Throws: `EINVAL` for an argument size below 12, `ENODEV` when there is no such reset.
  package mutating func hotResetInformation(
    _ header: HotResetInfoHeader, scope: HotResetScope?
  ) throws(LinuxErrno) -> HotResetReply {
    try wake()
    guard header.argumentSize >= 12 else { throw .EINVAL }
    guard let scope else { throw .ENODEV }
    var answer = header
    answer.flags = scope.namesGroups ? 0 : scope.isOwned ? 3 : 1
    answer.count = UInt32(truncatingIfNeeded: scope.dependents.count)
    guard scope.dependents.count <= Int(header.argumentSize - 12) / 8 else {
      return HotResetReply(header: answer, dependents: [], error: .ENOSPC)
    }
    return HotResetReply(header: answer, dependents: scope.dependents, error: nil)
  }

  /// Checks `VFIO_DEVICE_PCI_HOT_RESET`; the caller then resets every function of the scope with
  /// ``resetByBus()``.
  ///
  /// - Throws: `EINVAL` for a wrong size, flags, a count, and functions that are not owned;
  ///   `ENODEV` when there is no such reset.
  package mutating func checkHotReset(
    _ header: HotResetHeader, scope: HotResetScope?
  ) throws(LinuxErrno) {
    try wake()
    guard header.argumentSize >= 12, header.flags == 0 else { throw .EINVAL }
    guard let scope else { throw .ENODEV }
    guard header.count == 0, scope.isOwned else { throw .EINVAL }
  }

  /// The bus or slot that the function is on was reset.
  package mutating func resetByBus() {
    setPowerState(0)
    resetFunction()
  }
}
