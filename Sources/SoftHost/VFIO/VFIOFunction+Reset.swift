package import HostABI
import PCIe

extension VFIOFunction {
  /// `VFIO_DEVICE_RESET`.
  ///
  /// - Throws: `EINVAL` when no reset works for the function.
  package mutating func reset() throws(LinuxErrno) {
    try wake()
    guard description.resetWorks else { throw .EINVAL }
    setPowerState(0)
    resetFunction()
  }

  /// Resets the function, and brings back what the kernel keeps over a reset.
  mutating func resetFunction() {
    registers.reset()
    setPowerState(0)
    for index in memories.indices { memories[index].reset() }
    for bar in description.bars {
      if case .handler(let handler) = bar.backing { handler.reset() }
    }
    interrupts.isLineAsserted = false
    resetModel()
    note([.wasReset, .barsUnmapped])
  }

  /// The power state, 0 to 3; 0 without a power management capability.
  package var powerState: Int {
    guard let place = powerControl else { return 0 }
    return Int(registers.read(.byte, at: place) & 3)
  }

  mutating func setPowerState(_ state: UInt32) {
    guard let place = powerControl else { return }
    registers.store(state, mask: 3, .byte, at: place)
  }

  private var powerControl: Int? { places.power.map { $0 + 4 } }

  /// Whether the function is a PCI Express one.
  package var isPCIExpress: Bool { places.pciExpress != nil }
}
