import HostABI

extension IOMMUContext {
  /// `IOMMU_HWPT_ALLOC`.
  func allocateHWPT(_ call: Call) throws(LinuxErrno) {
    var argument = try load(HWPTAllocArgument.self, call)
    // Linux 7.2 looks at the first reserved field only, and not at the one after the fault queue.
    guard argument.reserved == 0 else { throw .EOPNOTSUPP }
    guard (argument.dataType == HWPTDataType.none) == (argument.dataLength == 0) else {
      throw .EINVAL
    }
    let device = try device(argument.deviceID)
    let data = VendorData(
      type: argument.dataType, length: argument.dataLength, address: argument.dataAddress,
      memory: call.memory)
    let table: PageTableObject
    switch slot(argument.parentID) {
    case .ioas(let ioas):
      table = try makePaging(
        ioas, device, argument.flags, argument.dataLength > 0 ? data : nil)
    case .paging(let parent): table = try makeNested(parent, device, argument.flags, data)
    case .viommu(let viommu):
      guard viommu.unit === device.unit else { throw .EINVAL }
      table = try makeNested(through: viommu, argument.flags, data)
    default: throw .EINVAL
    }
    do {
      if argument.flags & HWPTFlags.faultIDValid.rawValue != 0 {
        table.setFaults(try faults(argument.faultID))
      }
      argument.outID = table.id
      try store(argument, call)
    } catch {
      undo(table)
      throw error
    }
  }

  /// Takes a page table away that nobody has seen.
  func undo(_ table: PageTableObject) {
    if let paging = table as? PagingHWPT { paging.tearDown() }
    if let nested = table as? NestedHWPT { nested.tearDown() }
    remove(table.id)
  }

  /// A page table of the kernel's own on an address space.
  ///
  /// With `attaching`, what it names of the device is attached before mappings are shown, as an
  /// automatic table does; `data` is what the caller gave for the driver.
  func makePaging(
    _ ioas: AddressSpace, _ device: DeviceObject, _ rawFlags: UInt32, _ data: VendorData? = nil,
    attaching pasid: UInt32? = nil
  ) throws(LinuxErrno) -> PagingHWPT {
    let flags = HWPTFlags(rawValue: rawFlags)
    guard flags.isSubset(of: .known) else { throw .EOPNOTSUPP }
    if flags.contains(.dirtyTracking), !device.tracksDirtyPages { throw .EOPNOTSUPP }
    if flags.isSuperset(of: [.faultIDValid, .nestParent]) { throw .EOPNOTSUPP }
    let domain = try device.driver.makeDomain(
      flags.subtracting(.faultIDValid), data, for: device)
    let table = try create { id throws(LinuxErrno) in
      let table = PagingHWPT(
        id: id, context: self, ioas: ioas, unit: device.unit, flags: flags, domain: domain,
        tag: host.nextTag())
      return (table, .paging(table))
    }
    if case .mock(let mock) = domain.storage { mock.table = table }
    do throws(LinuxErrno) {
      if let pasid { try device.attach(to: table, pasid) }
      do throws(LinuxErrno) { try ioas.add(table) } catch {
        if let pasid { device.detach(pasid: pasid) }
        throw error
      }
    } catch {
      remove(table.id)
      throw error
    }
    ioas.uses += 1
    return table
  }

  /// A guest's page table directly on a nesting parent.
  private func makeNested(
    _ parent: PagingHWPT, _ device: DeviceObject, _ rawFlags: UInt32, _ data: VendorData
  ) throws(LinuxErrno) -> NestedHWPT {
    let flags = HWPTFlags(rawValue: rawFlags)
    guard flags.isSubset(of: [.faultIDValid, .pasid]), data.length > 0, device.driver.nestsDirectly
    else { throw .EOPNOTSUPP }
    guard !parent.isAutomatic, parent.flags.contains(.nestParent),
      parent.unit.driver.isSameDriver(as: device.driver)
    else { throw .EINVAL }
    let kind = try device.driver.makeNested(
      parent, flags.subtracting(.faultIDValid), data, viommu: nil)
    return try finishNested(parent, device.unit, kind, flags, viommu: nil)
  }

  /// A guest's page table through a vIOMMU.
  private func makeNested(
    through viommu: VirtualIOMMU, _ rawFlags: UInt32, _ data: VendorData
  ) throws(LinuxErrno) -> NestedHWPT {
    let flags = HWPTFlags(rawValue: rawFlags)
    guard flags.isSubset(of: [.faultIDValid, .pasid]), data.length > 0,
      viommu.unit.driver.nestsThroughVIOMMU
    else { throw .EOPNOTSUPP }
    let kind = try viommu.unit.driver.makeNested(
      viommu.parent, flags.subtracting(.faultIDValid), data, viommu: viommu)
    return try finishNested(viommu.parent, viommu.unit, kind, flags, viommu: viommu)
  }

  private func finishNested(
    _ parent: PagingHWPT, _ unit: IOMMUUnit, _ kind: NestedKind, _ flags: HWPTFlags,
    viommu: VirtualIOMMU?
  ) throws(LinuxErrno) -> NestedHWPT {
    // Guests invalidate by vIOMMU, so all tables of one share its tag, as they share a VMID.
    let tag = viommu?.tag ?? host.nextTag()
    let table = try create { id throws(LinuxErrno) in
      let table = NestedHWPT(
        id: id, context: self, unit: unit, parent: parent, viommu: viommu, kind: kind,
        isPASIDCompatible: flags.contains(.pasid), tag: tag)
      return (table, .nested(table))
    }
    parent.addNested(table)
    if let viommu { viommu.uses += 1 } else { parent.uses += 1 }
    return table
  }

  /// `IOMMU_GET_HW_INFO`.
  func hardwareInfo(_ call: Call) throws(LinuxErrno) {
    var argument = try load(HardwareInfoArgument.self, call)
    // The header wants no flags; Linux 7.2 knows one, with which the caller names the data's type.
    let givesType = argument.flags & 1 != 0
    guard argument.flags & ~1 == 0 else { throw .EOPNOTSUPP }
    guard argument.reserved0 | argument.reserved1 | argument.reserved2 == 0 else {
      throw .EOPNOTSUPP
    }
    let device = try device(argument.deviceID)
    let info = try device.driver.hardwareInfo(type: givesType ? argument.dataType : 0)
    argument.dataType = info.type
    let wanted = Int(argument.dataLength)
    if wanted > 0 {
      try call.memory.store([UInt8](info.bytes.prefix(wanted)), at: argument.dataAddress)
      try call.memory.clear(wanted - info.bytes.count, at: argument.dataAddress, info.bytes.count)
    }
    argument.dataLength = UInt32(info.bytes.count)
    argument.outCapabilities = device.capabilities.rawValue
    argument.outMaxPASIDLog2 = device.maxPASIDLog2
    try store(argument, call)
  }
}

/// Data that a request brings for a unit's driver.
struct VendorData {
  let type: UInt32
  let length: UInt32
  let address: UInt64
  let memory: any CallerMemory

  /// The data as a structure of exactly that size; `EINVAL` for another size.
  func exactly<Structure: WireStructure>(
    _ structure: Structure.Type
  ) throws(LinuxErrno) -> Structure {
    guard length == Structure.byteCount else { throw .EINVAL }
    return try memory.load(structure, at: address)
  }

  /// The data as a structure; what the caller leaves out reads as zero.
  ///
  /// - Throws: `EINVAL` below the minimum and above the full size.
  func sized<Structure: WireStructure>(
    _ structure: Structure.Type, minimum: Int
  ) throws(LinuxErrno) -> Structure {
    guard length >= minimum, length <= Structure.byteCount else { throw .EINVAL }
    return try memory.loadPart(structure, Int(length), at: address)
  }
}
