import IOMMUClient

/// What the VMM owns once the device is attached; it ends with this, and the host's half with it.
final class LabMachine {
  let context: IOMMUContext
  let device: BoundDevice
  let space: IOAddressSpace
  /// The second stage, under all of the guest's tables.
  let parent: HardwarePageTable
  let memory: GuestMemory
  var pages: GuestPages
  var processes: [GuestProcess] = []
  /// Page requests; it must outlive the tables that name it, and members end in this order.
  var faults: LabFaultQueue?

  init(
    _ context: IOMMUContext, _ device: consuming BoundDevice, _ space: consuming IOAddressSpace,
    _ parent: consuming HardwarePageTable, _ memory: GuestMemory
  ) {
    self.context = context
    self.device = device
    self.space = space
    self.parent = parent
    self.memory = memory
    pages = GuestPages(of: memory)
  }
}

/// An owner of a queue that can be made later than the rest.
final class LabFaultQueue {
  let queue: FaultQueue

  init(_ queue: consuming FaultQueue) { self.queue = queue }
}
