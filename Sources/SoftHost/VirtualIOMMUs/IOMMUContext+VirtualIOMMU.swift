import HostABI

extension IOMMUContext {
  /// `IOMMU_VIOMMU_ALLOC`.
  func allocateVIOMMU(_ call: Call) throws(LinuxErrno) {
    var argument = try load(VIOMMUAllocArgument.self, call)
    // The reserved field is not looked at in Linux 7.2.
    guard argument.flags == 0, argument.type != VIOMMUType.none else { throw .EOPNOTSUPP }
    let device = try device(argument.deviceID)
    try device.driver.checkVIOMMU(type: argument.type, device)
    let parent = try paging(argument.hwptID)
    guard parent.flags.contains(.nestParent) else { throw .EINVAL }
    try device.driver.checkVIOMMU(parent, device)
    let viommu = try create { id throws(LinuxErrno) in
      let viommu = VirtualIOMMU(
        id: id, context: self, type: argument.type, unit: device.unit, parent: parent,
        tag: self.host.nextTag())
      return (viommu, .viommu(viommu))
    }
    parent.uses += 1
    argument.outID = viommu.id
    do {
      try device.driver.exchange(viommu, argument, call.memory)
      try store(argument, call)
    } catch {
      viommu.tearDown()
      remove(viommu.id)
      throw error
    }
  }

  /// `IOMMU_VDEVICE_ALLOC`.
  func allocateVDevice(_ call: Call) throws(LinuxErrno) {
    var argument = try load(VDeviceAllocArgument.self, call)
    let viommu = try viommu(argument.viommuID)
    let device = try device(argument.deviceID)
    guard viommu.unit === device.unit else { throw .EINVAL }
    guard !device.isEnding else { throw .ENOENT }
    guard device.vdevice == nil else { throw .EEXIST }
    guard viommu.devices[argument.virtualID] == nil else { throw .EEXIST }
    try device.driver.checkVDevice(viommu, device)
    let made = try create { id throws(LinuxErrno) in
      let made = VirtualDevice(
        id: id, viommu: viommu, device: device, virtualID: argument.virtualID)
      return (made, .vdevice(made))
    }
    viommu.devices[argument.virtualID] = made
    viommu.uses += 1
    device.vdevice = made
    argument.outID = made.id
    do { try store(argument, call) } catch {
      made.tearDown()
      remove(made.id)
      throw error
    }
  }

  /// `IOMMU_VEVENTQ_ALLOC`.
  func allocateEventQueue(_ call: Call) throws(LinuxErrno) {
    var argument = try load(VEventQueueAllocArgument.self, call)
    guard argument.flags == 0, argument.reserved == 0, argument.type != 0 else {
      throw .EOPNOTSUPP
    }
    guard argument.depth > 0, argument.depth <= 1 << 19 else { throw .EINVAL }
    let viommu = try viommu(argument.viommuID)
    guard !viommu.queues.contains(where: { $0.type == argument.type }) else { throw .EEXIST }
    let queue = try create { id throws(LinuxErrno) in
      let queue = EventQueue(
        id: id, viommu: viommu, type: argument.type, depth: Int(argument.depth))
      return (queue, .events(queue))
    }
    viommu.queues.append(queue)
    viommu.uses += 1
    argument.outID = queue.id
    do {
      _ = try host.open(.events(queue), for: self, by: call.caller) {
        number throws(LinuxErrno) in
        argument.outDescriptor = number
        try self.store(argument, call)
      }
    } catch {
      queue.tearDown()
      remove(queue.id)
      throw error
    }
    queue.uses += 1
  }

  /// `IOMMU_HW_QUEUE_ALLOC`.
  func allocateHardwareQueue(_ call: Call) throws(LinuxErrno) {
    var argument = try load(HWQueueAllocArgument.self, call)
    guard argument.flags == 0, argument.type != 0 else { throw .EOPNOTSUPP }
    guard argument.length > 0 else { throw .EINVAL }
    if argument.parentIOVA.addingReportingOverflow(argument.length - 1).overflow {
      throw .EOVERFLOW
    }
    let viommu = try viommu(argument.viommuID)
    try viommu.unit.driver.checkHardwareQueue(type: argument.type)
    let queue = try create { id throws(LinuxErrno) in
      let queue = try self.makeHardwareQueue(id, argument, in: viommu)
      return (queue, .hardwareQueue(queue))
    }
    argument.outID = queue.id
    do { try store(argument, call) } catch {
      queue.tearDown(in: self)
      remove(queue.id)
      throw error
    }
  }

  /// Holds a queue's memory, and lets the driver have it.
  private func makeHardwareQueue(
    _ id: UInt32, _ argument: HWQueueAllocArgument, in viommu: VirtualIOMMU
  ) throws(LinuxErrno) -> HardwareQueue {
    let access = try create { id throws(LinuxErrno) in
      let access = AccessObject(id: id, pageSize: Page.size)
      return (access, .access(access))
    }
    access.uses = 1
    do throws(LinuxErrno) {
      let space = viommu.parent.ioas
      try access.attach(to: space)
      let pages = try space.hold(
        Self.wholePages(argument.parentIOVA, argument.length), writing: false, locking: true)
      do throws(LinuxErrno) {
        let addresses = pages.pageAddresses
        for (page, next) in zip(addresses, addresses.dropFirst()) where next != page + Page.size {
          throw .EFAULT
        }
        let previous = try viommu.unit.driver.makeHardwareQueue(
          viommu, type: argument.type, index: argument.index, base: argument.parentIOVA,
          length: argument.length)
        return HardwareQueue(
          id: id, viommu: viommu, index: argument.index, previous: previous, access: access,
          pages: pages)
      } catch {
        space.release(pages)
        throw error
      }
    } catch {
      access.detach()
      remove(access.id)
      throw error
    }
  }

  /// The pages that a queue lies in; `ENOMEM` for so many that the kernel cannot list them.
  private static func wholePages(
    _ start: UInt64, _ length: UInt64
  ) throws(LinuxErrno) -> ClosedRange<UInt64> {
    // The caller has checked that the range does not wrap.
    let first = start & ~Page.mask
    let last = (start + (length - 1)) | Page.mask
    guard (last - first) >> 12 < UInt64(Int32.max) / 8 else { throw .ENOMEM }
    return first...last
  }
}
