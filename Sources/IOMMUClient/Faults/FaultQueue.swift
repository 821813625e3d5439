import HostABI
import Hardware

/// A queue of the page requests that devices make of page tables (`IOMMU_FAULT_QUEUE_ALLOC`).
///
/// Tables name the queue when they are made. When the owner ends while such tables are left, the
/// queue stays for them, and page requests go unanswered until the last table is detached. So it
/// should be kept as long as any.
public struct FaultQueue: ~Copyable, Sendable {
  let object: KernelObject
  /// The open queue, for waiting on it; this owner closes it.
  public let descriptor: Int32

  /// Makes a queue.
  ///
  /// - Parameter context: Where it is made.
  /// - Throws: ``IOMMUError``.
  public init(in context: IOMMUContext) throws(IOMMUError) {
    var argument = FaultAllocArgument()
    try context.perform(.faultQueueAlloc, &argument, about: [.context(path: context.path)])
    descriptor = argument.outDescriptor
    object = KernelObject(
      .faultQueue(argument.outID), id: argument.outID, in: context, descriptor: descriptor)
  }

  /// The kernel's number for it.
  public var id: UInt32 { object.id }

  /// Closes and destroys the queue now.
  ///
  /// - Throws: ``IOMMUError`` with `EBUSY` while tables name it. It is closed all the same, and
  ///   goes with the last of them.
  public consuming func destroy() throws(IOMMUError) { try object.destroy() }

  /// Whether a group of page requests waits.
  ///
  /// - Returns: `true` when ``readGroups()`` would find one.
  /// - Throws: ``IOMMUError``.
  public func isReadable() throws(IOMMUError) -> Bool { try object.isReadable(descriptor) }

  /// Takes the groups of page requests that wait; never waits itself.
  ///
  /// A group that names a PASID of more than 20 bits, which no PCIe device can send, is answered
  /// with `invalid` at once and left out.
  ///
  /// - Returns: Whole groups in their order; an empty array when there are none.
  /// - Throws: ``IOMMUError``.
  public func readGroups() throws(IOMMUError) -> [PageRequestGroup] {
    let bytes = try object.readRecords(of: descriptor, multipleOf: PageFaultRecord.byteCount)
    let (groups, refused) = Self.groups(bytes)
    if !refused.isEmpty { try respond(refused.map { ($0, .invalid) }) }
    return groups
  }

  /// Answers one group.
  ///
  /// - Parameters:
  ///   - group: The group.
  ///   - response: The answer.
  /// - Throws: ``IOMMUError`` with `EINVAL` when the group is not waiting any more: detaching or
  ///   replacing the table answers for it.
  public func respond(
    to group: PageRequestGroup, _ response: PageResponse
  ) throws(IOMMUError) {
    try respond([(group.cookie, response)])
  }

  /// Answers groups by their cookies.
  ///
  /// - Parameter responses: Cookies with answers, in order.
  /// - Returns: How many were answered: all.
  /// - Throws: ``IOMMUError``; its `handled` says how many were answered before the failing one.
  @discardableResult
  public func respond(
    _ responses: [(cookie: UInt32, response: PageResponse)]
  ) throws(IOMMUError) -> Int {
    guard !responses.isEmpty else { return 0 }
    let recordSize = PageResponseRecord.byteCount
    let step = ScratchPool.blockSize / recordSize
    return try object.context.scratch.with(ScratchPool.blockSize) {
      (scratch) throws(IOMMUError) in
      var done = 0
      while done < responses.count {
        let piece = responses[done..<min(responses.count, done + step)]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(piece.count * recordSize)
        for (cookie, response) in piece {
          bytes.append(little: cookie)
          bytes.append(little: response.rawValue)
        }
        try scratch.store(bytes)
        do throws(LinuxErrno) {
          let written = try object.context.kernel.write(descriptor, scratch.address, bytes.count)
          // The kernel stops before the first bad record, which then fails by itself.
          guard written >= recordSize else { throw LinuxErrno.EIO }
          done += min(written / recordSize, piece.count)
        } catch {
          throw IOMMUError(.write, error, [object.name], .faults, handled: done)
        }
      }
      return done
    }
  }

  /// Puts records together that carry one cookie.
  private static func groups(_ bytes: [UInt8]) -> (whole: [PageRequestGroup], refused: [UInt32]) {
    var groups: [PageRequestGroup] = []
    var refused: [UInt32] = []
    var requests: [PageRequest] = []
    for at in stride(from: 0, to: bytes.count, by: PageFaultRecord.byteCount) {
      let flags = bytes.little(UInt32.self, at: at)
      let permissions = bytes.little(UInt32.self, at: at + 16)
      let address = bytes.little(UInt64.self, at: at + 24)
      let cookie = bytes.little(UInt32.self, at: at + 36)
      requests.append(
        PageRequest(
          address: IOVA(address), access: DMAAccess(rawValue: UInt8(permissions & 15))))
      let next = at + PageFaultRecord.byteCount
      let isLast =
        flags & PageFaultBits.lastPage != 0 || next >= bytes.count
        || bytes.little(UInt32.self, at: next + 36) != cookie
      guard isLast else { continue }
      let number: UInt32? =
        flags & PageFaultBits.pasidValid != 0 ? bytes.little(UInt32.self, at: at + 8) : nil
      let pasid = number.flatMap { PASID(rawValue: $0) }
      if number != nil && pasid == nil {
        refused.append(cookie)
      } else {
        groups.append(
          PageRequestGroup(
            cookie: cookie, deviceID: bytes.little(UInt32.self, at: at + 4),
            groupIndex: bytes.little(UInt32.self, at: at + 12), pasid: pasid, requests: requests))
      }
      requests.removeAll(keepingCapacity: true)
    }
    return (groups, refused)
  }
}
