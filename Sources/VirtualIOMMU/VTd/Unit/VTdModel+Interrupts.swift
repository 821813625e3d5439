/// The unit's own interrupts: three groups of four registers, all with the same rules (VT-d §11.4.9.2).
extension VTdModel {
  private static var masked: UInt32 { 1 << 31 }
  private static var pending: UInt32 { 1 << 30 }

  /// Sends a message, or notes that one is to be sent when the guest takes the mask away.
  ///
  /// - Parameter control: Where the group's first register is.
  mutating func raise(_ control: Int) {
    if registers[control] & Self.masked != 0 {
      registers[control] |= Self.pending
    } else {
      send(control)
    }
  }

  /// The guest wrote the control register: a message that waited for the mask to go is sent.
  mutating func didWriteControl(_ control: Int) {
    guard registers[control] & (Self.masked | Self.pending) == Self.pending else { return }
    registers[control] &= ~Self.pending
    send(control)
  }

  /// All that the message would have told of has been seen to.
  mutating func dropPending(_ control: Int) { registers[control] &= ~Self.pending }

  private func send(_ control: Int) {
    let address = UInt64(registers[control + 12]) << 32 | UInt64(registers[control + 8])
    interrupts.send(registers[control + 4], to: address)
  }
}
