import HostABI

/// An entry of a virtual IOMMU's event queue.
public struct VirtualEvent: Hashable, Sendable {
  /// What the entry tells.
  public enum Content: Hashable, Sendable {
    /// An event, in the words of the unit's own event queue; the stream is the guest's number.
    case record([UInt64])
    /// The queue was full, and events up to this one's number were lost.
    case lost
  }

  /// Counts all events, lost ones too; after 2^31 - 1 comes 0.
  public let sequence: UInt32
  /// What the entry tells.
  public let content: Content
}

/// A queue of events that the guest's IOMMU has to tell (`IOMMU_VEVENTQ_ALLOC`).
///
/// It keeps the virtual IOMMU. When the owner ends, waiting events are dropped.
public struct EventQueue: ~Copyable, Sendable {
  let object: KernelObject
  /// The open queue, for waiting on it; this owner closes it.
  public let descriptor: Int32
  private let wordsPerEvent: Int

  /// Makes a queue.
  ///
  /// - Parameters:
  ///   - viommu: The virtual IOMMU; it can have one queue of each kind.
  ///   - kind: Whose events.
  ///   - depth: How many events the queue holds, 1 to 524,288; more are lost.
  /// - Throws: ``IOMMUError`` with `EEXIST` when there is such a queue already.
  public init(
    of viommu: borrowing VirtualIOMMU, _ kind: VirtualIOMMU.Kind, depth: UInt32
  ) throws(IOMMUError) {
    let parent = viommu.object
    var argument = VEventQueueAllocArgument()
    argument.viommuID = parent.id
    argument.type = kind.rawValue
    argument.depth = depth
    try parent.context.perform(.veventqAlloc, &argument, about: [parent.name])
    descriptor = argument.outDescriptor
    wordsPerEvent = kind == .smmuv3 ? 4 : 2
    object = KernelObject(
      .eventQueue(argument.outID), id: argument.outID, in: parent.context, uses: [parent],
      descriptor: descriptor)
  }

  /// The kernel's number for it.
  public var id: UInt32 { object.id }

  /// Closes and destroys the queue now.
  ///
  /// - Throws: ``IOMMUError``.
  public consuming func destroy() throws(IOMMUError) { try object.destroy() }

  /// Whether an event waits.
  ///
  /// - Returns: `true` when ``readEvents()`` would find one.
  /// - Throws: ``IOMMUError``.
  public func isReadable() throws(IOMMUError) -> Bool { try object.isReadable(descriptor) }

  /// Takes the events that wait; never waits itself.
  ///
  /// - Returns: The events in their order; an empty array when there are none.
  /// - Throws: ``IOMMUError``.
  public func readEvents() throws(IOMMUError) -> [VirtualEvent] {
    let lost: UInt32 = 1
    let header = VEventHeader.byteCount
    let bytes = try object.readRecords(of: descriptor, multipleOf: header)
    var events: [VirtualEvent] = []
    var at = 0
    while at + header <= bytes.count {
      let flags = bytes.little(UInt32.self, at: at)
      let sequence = bytes.little(UInt32.self, at: at + 4)
      at += header
      guard flags & lost == 0 else {
        events.append(VirtualEvent(sequence: sequence, content: .lost))
        continue
      }
      let words = (0..<wordsPerEvent).map { bytes.little(UInt64.self, at: at + 8 * $0) }
      events.append(VirtualEvent(sequence: sequence, content: .record(words)))
      at += 8 * wordsPerEvent
    }
    return events
  }
}
