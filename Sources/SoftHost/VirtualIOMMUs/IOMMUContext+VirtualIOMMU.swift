import HostABI

extension IOMMUContext {
  /// `IOMMU_VIOMMU_ALLOC`.
  func allocateVIOMMU(_ call: Call) throws(LinuxErrno) {
    var argument = try load(VIOMMUAllocArgument.self, call)
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
    let (last, wraps) = argument.parentIOVA.addingReportingOverflow(argument.length - 1)
    if wraps { throw .EOVERFLOW }
    let viommu = try viommu(argument.viommuID)
    try viommu.unit.driver.checkHardwareQueue(type: argument.type)
    guard viommu.hardwareQueues[argument.index] == nil else { throw .EEXIST }
    let ioas = viommu.parent.ioas
    let areas = try hold(argument.parentIOVA...last, in: ioas)
    let queue: HardwareQueue
    do {
      try viommu.unit.driver.makeHardwareQueue(
        viommu, type: argument.type, index: argument.index, base: argument.parentIOVA,
        length: argument.length)
      queue = try create { id throws(LinuxErrno) in
        let queue = HardwareQueue(id: id, viommu: viommu, index: argument.index, areas: areas)
        return (queue, .hardwareQueue(queue))
      }
    } catch {
      for start in areas { ioas.update(start) { $0.queues -= 1 } }
      throw error
    }
    viommu.hardwareQueues[argument.index] = queue
    viommu.uses += 1
    argument.outID = queue.id
    do { try store(argument, call) } catch {
      try? queue.tearDown()
      remove(queue.id)
      throw error
    }
  }

  /// Keeps the mappings of a hardware queue where they are.
  ///
  /// - Throws: `ENOENT` where nothing is mapped, `EPERM` where reading is not allowed, `EFAULT` when
  ///   the pages don't lie one after the other.
  private func hold(
    _ range: ClosedRange<UInt64>, in ioas: AddressSpace
  ) throws(LinuxErrno) -> [UInt64] {
    var areas: [Area] = []
    var at = range.lowerBound
    while true {
      guard let area = ioas.area(at: at) else { throw .ENOENT }
      guard area.isReadable else { throw .EPERM }
      areas.append(area)
      if area.last >= range.upperBound { break }
      at = area.last + 1
    }
    var next: UInt64?
    for area in areas {
      guard let address = area.hostAddress(of: max(area.start, range.lowerBound)) else {
        throw .EFAULT
      }
      if let next, next != address { throw .EFAULT }
      next = address + (area.last - max(area.start, range.lowerBound)) + 1
    }
    for area in areas { ioas.update(area.start) { $0.queues += 1 } }
    return areas.map(\.start)
  }
}
