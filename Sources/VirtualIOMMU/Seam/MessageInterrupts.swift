/// Where a unit's own interrupts go: messages as PCIe carries them.
public protocol MessageInterrupts: Sendable {
  /// Delivers a message, as a write of `data` to `address` would.
  ///
  /// The guest chose both, so the address may be any. Must not call back into whoever sent it.
  ///
  /// - Parameters:
  ///   - data: The message's data.
  ///   - address: The message's address.
  func send(_ data: UInt32, to address: UInt64)
}
