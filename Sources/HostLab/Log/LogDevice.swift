package import PCIe

/// A device of the host as the log names it.
package struct LogDevice: Sendable {
  /// The device's number, that of its node `vfioN`.
  package var index: Int
  /// Where it is.
  package var address: PCIAddress
  /// Its config space, by which registers are named; `nil` when they need no names.
  package var config: ConfigSpace?

  /// Describes a device.
  package init(index: Int, address: PCIAddress, config: ConfigSpace? = nil) {
    self.index = index
    self.address = address
    self.config = config
  }
}
