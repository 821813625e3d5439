import HostABI
import HostSystem
import Hardware

/// What mock devices report, and what they write.
extension IOMMUContext {
  /// Raises a page request that is a group by itself.
  func mockTriggerFault(_ request: MockCall) throws(LinuxErrno) {
    let argument = request.argument(MockFaultArgument.self)
    let device = try device(argument.deviceID)
    guard device.driver is MockDriver else { throw .EINVAL }
    var record = PageFaultRecord()
    record.flags = PageFaultBits.lastPage
    if argument.pasid != 0 { record.flags |= PageFaultBits.pasidValid }
    record.pasid = argument.pasid
    record.groupID = argument.groupID
    record.permissions = argument.permissions
    record.address = argument.address
    host.deliver(
      record, isLast: true, pasid: argument.pasid == 0 ? nil : argument.pasid,
      from: device.physical)
  }

  /// Raises an event for the guest whose table the device's RID has.
  func mockTriggerEvent(_ request: MockCall, of mock: MockHost) throws(LinuxErrno) {
    let argument = request.argument(MockTriggerEventArgument.self)
    guard let state = mock.driver.device(try device(argument.deviceID)),
      let viommu = state.viommu, state.virtualID != 0
    else { throw .ENOENT }
    guard let queue = viommu.queues.first(where: { $0.type == MockType.eventQueue }) else {
      throw .EOPNOTSUPP
    }
    let event = MockEvent { $0.virtualID = UInt32(truncatingIfNeeded: state.virtualID) }
    queue.report(StructureBytes.bytes(of: event))
  }

  /// Marks the pages of a table that a bitmap names as written.
  func mockMarkDirty(_ request: MockCall) throws(LinuxErrno) {
    var argument = request.argument(MockDirtyArgument.self)
    let size = argument.pageSize
    guard size != 0, argument.length != 0, argument.iova % size == 0, argument.length % size == 0,
      argument.bitmap != 0
    else { throw .EINVAL }
    let count = argument.length / size
    guard count <= 1 << 27 else { throw .EOVERFLOW }
    let domain = try mockDomain(argument.id)
    guard domain.isTracking, let space = domain.table?.ioas else { throw .EINVAL }
    let bitmap = try request.call.memory.load(Int((count + 7) / 8), at: argument.bitmap)
    var marked: UInt64 = 0
    var area: Area?
    for (index, byte) in bitmap.enumerated() where byte != 0 {
      for bit in 0..<8 where byte >> bit & 1 == 1 {
        let number = UInt64(index * 8 + bit)
        guard number < count else { break }
        marked += 1
        let iova = argument.iova &+ number &* size
        if let known = area, known.start <= iova, iova <= known.last {
        } else {
          area = space.area(at: iova)
        }
        if let area { domain.markDirty(iova, in: area) }
      }
    }
    argument.outCount = marked
    try store(argument, request.call)
  }
}
