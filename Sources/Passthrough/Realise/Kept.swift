package import IOMMUClient

/// Owners that several may share: the kernel's object ends with the last of them.

/// A device in the hands of our context.
package final class KeptDevice: Sendable {
  package let device: BoundDevice

  init(_ device: consuming BoundDevice) { self.device = device }
}

/// A page table that devices are attached to.
final class KeptTable: Sendable {
  let table: HardwarePageTable

  init(_ table: consuming HardwarePageTable) { self.table = table }
}

/// A queue of page requests.
final class KeptQueue: Sendable {
  let queue: FaultQueue

  init(_ queue: consuming FaultQueue) { self.queue = queue }
}
