public import Hardware
import HostABI

/// A queue in guest memory that the IOMMU reads by itself (`IOMMU_HW_QUEUE_ALLOC`, Tegra241).
///
/// Its memory cannot be unmapped while it lives. Queues end in descending order of their indexes.
public struct HardwareQueue: ~Copyable, Sendable {
  let object: KernelObject
  /// Which of the virtual IOMMU's queues it is.
  public let index: UInt32

  /// Makes a queue.
  ///
  /// - Parameters:
  ///   - index: Which queue; those before it exist already.
  ///   - viommu: The virtual IOMMU.
  ///   - address: Where the queue starts in the nesting parent's space, a multiple of its size.
  ///   - byteCount: The size in bytes, a power of two from 32.
  /// - Throws: ``IOMMUError``.
  public init(
    _ index: UInt32, of viommu: borrowing VirtualIOMMU, at address: GuestPhysicalAddress,
    byteCount: UInt64
  ) throws(IOMMUError) {
    let commandQueues: UInt32 = 1
    let parent = viommu.object
    var argument = HWQueueAllocArgument()
    argument.viommuID = parent.id
    argument.type = commandQueues
    argument.index = index
    argument.parentIOVA = address.rawValue
    argument.length = byteCount
    try parent.context.perform(.hwQueueAlloc, &argument, about: [parent.name])
    self.index = index
    object = KernelObject(
      .hardwareQueue(argument.outID), id: argument.outID, in: parent.context, uses: [parent])
  }

  /// The kernel's number for it.
  public var id: UInt32 { object.id }

  /// Destroys the queue now.
  ///
  /// - Throws: ``IOMMUError`` with `EBUSY` while a queue of a higher index exists.
  public consuming func destroy() throws(IOMMUError) { try object.destroy() }
}
