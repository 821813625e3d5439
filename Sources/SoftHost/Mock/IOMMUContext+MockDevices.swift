import HostABI

/// Making mock devices, and what they are attached to.
extension IOMMUContext {
  /// Makes a device, binds it, and attaches its RID; all is undone on an error.
  func mockMakeDevice(
    _ request: MockCall, _ flags: MockDeviceFlags, of mock: MockHost
  ) throws(LinuxErrno) {
    var argument = request.argument(MockDeviceArgument.self)
    // The holder's number is taken first, then the device's, then a table's.
    _ = try create { id throws(LinuxErrno) -> (MockObject, ObjectSlot) in
      let group = try mock.plug(flags)
      do throws(LinuxErrno) {
        let device = try self.bind(group.devices[0])
        do throws(LinuxErrno) {
          argument.outTableID = try device.attach(argument.id, pasid: 0, replacing: false)
          argument.outHolderID = id
          argument.outDeviceID = device.id
          try self.store(argument, request.call)
        } catch {
          device.detach(pasid: 0)
          self.unbind(device)
          throw error
        }
        let holder = MockObject(id: id, device: device, group: group)
        return (holder, .mock(holder))
      } catch {
        mock.unplug(group)
        throw error
      }
    }
  }

  /// Moves a device's RID to another table.
  func mockReplaceTable(_ request: MockCall) throws(LinuxErrno) {
    var argument = request.argument(MockReplaceArgument.self)
    let holder = try mockHolder(argument.id)
    argument.tableID = try holder.device.attach(argument.tableID, pasid: 0, replacing: true)
    try store(argument, request.call)
  }

  /// Attaches a PASID, or the RID as number 0.
  func mockAttachPASID(_ request: MockCall) throws(LinuxErrno) {
    var argument = request.argument(MockPASIDArgument.self)
    let device = try mockHolder(argument.id).device
    argument.tableID = try device.attach(
      argument.tableID, pasid: argument.pasid, replacing: false)
    do { try store(argument, request.call) } catch {
      device.detach(pasid: argument.pasid)
      throw error
    }
  }

  /// Moves a PASID to another table.
  func mockReplacePASID(_ request: MockCall) throws(LinuxErrno) {
    var argument = request.argument(MockPASIDArgument.self)
    let device = try mockHolder(argument.id).device
    argument.tableID = try device.attach(
      argument.tableID, pasid: argument.pasid, replacing: true)
    try store(argument, request.call)
  }

  /// Detaches a PASID; one that is not attached is no error.
  func mockDetachPASID(_ request: MockCall) throws(LinuxErrno) {
    let argument = request.argument(MockPASIDArgument.self)
    try mockHolder(argument.id).device.detach(pasid: argument.pasid)
  }

  /// Compares what a PASID is attached to; table 0 stands for nothing.
  func mockCheckPASID(_ request: MockCall) throws(LinuxErrno) {
    let argument = request.argument(MockPASIDArgument.self)
    let attached = try mockHolder(argument.id).device.attachments.tableID(argument.pasid)
    if argument.tableID != 0 {
      switch slot(argument.tableID) {
      case .paging, .nested: break
      case .free, .tombstone: throw .ENOENT
      default: throw .EINVAL
      }
    }
    guard attached ?? 0 == argument.tableID else { throw .EINVAL }
  }

  /// Compares a word of a device's cache.
  func mockCheckDeviceCache(_ request: MockCall, of mock: MockHost) throws(LinuxErrno) {
    let argument = request.argument(MockCheckCacheArgument.self)
    let device = try device(argument.id)
    guard let state = mock.driver.device(device), argument.entry < MockIOMMU.cacheEntryCount,
      state.cache[Int(argument.entry)] == argument.value
    else { throw .EINVAL }
  }
}
