public import HostABI

/// A page table in the IOMMU (HWPT): one of the kernel's own over an address space, or a guest's on
/// top of one.
///
/// The kernel's object goes when the owner ends, or later: when the last device detaches from it
/// and the last table on top of it goes. It keeps its own address space, parent and fault queue for
/// as long.
public struct HardwarePageTable: ~Copyable, Sendable {
  let object: KernelObject

  /// The kernel's number for it.
  public var id: UInt32 { object.id }

  /// The context that it is in.
  public var context: IOMMUContext { object.context }

  /// How it was allocated.
  public var options: HWPTFlags { object.options }

  /// Whether it is a guest's table on top of one of the kernel's.
  public var isNested: Bool {
    guard case .nestedTable = object.name else { return false }
    return true
  }

  /// Destroys the table now.
  ///
  /// - Throws: ``IOMMUError`` with `EBUSY` while a device is attached to it or a table or virtual
  ///   IOMMU stands on it; it then goes with the last of them.
  public consuming func destroy() throws(IOMMUError) { try object.destroy() }
}

extension IOAddressSpace {
  /// Makes a page table that carries all mappings of the address space (`IOMMU_HWPT_ALLOC`).
  ///
  /// Which combinations of options there are, the IOMMU's driver decides. A table that shall be
  /// attached to a PASID, or be attached beside PASIDs, needs `pasid`.
  ///
  /// - Parameters:
  ///   - device: The device whose IOMMU the table is for.
  ///   - options: What the table must be able to do; `faultIDValid` is for
  ///     ``makePageTable(for:options:faults:)`` and ignored.
  /// - Returns: The table.
  /// - Throws: ``IOMMUError`` with `EOPNOTSUPP` when the IOMMU cannot do it, and with what mapping
  ///   answers when a mapping cannot be carried over.
  public func makePageTable(
    for device: borrowing BoundDevice, options: HWPTFlags = []
  ) throws(IOMMUError) -> HardwarePageTable {
    try HardwarePageTable(for: device, on: object, options)
  }

  /// Makes a page table whose page requests go to a queue.
  ///
  /// - Parameters:
  ///   - device: The device whose IOMMU the table is for.
  ///   - options: What the table must be able to do.
  ///   - faults: The queue.
  /// - Returns: The table.
  /// - Throws: ``IOMMUError``.
  public func makePageTable(
    for device: borrowing BoundDevice, options: HWPTFlags = [], faults: borrowing FaultQueue
  ) throws(IOMMUError) -> HardwarePageTable {
    try HardwarePageTable(for: device, on: object, options, faults: faults.object)
  }
}

extension HardwarePageTable {
  /// Makes a table that the guest wrote, on top of this one (VT-d).
  ///
  /// - Parameters:
  ///   - device: The device whose IOMMU the table is for.
  ///   - stage1: What the guest says of it.
  ///   - options: `pasid` when it is for a PASID or beside PASIDs.
  /// - Returns: The table.
  /// - Throws: ``IOMMUError`` with `EINVAL` when this table was not allocated as a nesting parent.
  public func makeNestedTable(
    for device: borrowing BoundDevice, _ stage1: GuestStage1, options: HWPTFlags = []
  ) throws(IOMMUError) -> HardwarePageTable {
    try HardwarePageTable(for: device, on: object, options, stage1: stage1)
  }

  /// Makes a table that the guest wrote, on top of this one, whose page requests go to a queue.
  ///
  /// - Parameters:
  ///   - device: The device whose IOMMU the table is for.
  ///   - stage1: What the guest says of it.
  ///   - options: `pasid` when it is for a PASID or beside PASIDs.
  ///   - faults: The queue.
  /// - Returns: The table.
  /// - Throws: ``IOMMUError``.
  public func makeNestedTable(
    for device: borrowing BoundDevice, _ stage1: GuestStage1, options: HWPTFlags = [],
    faults: borrowing FaultQueue
  ) throws(IOMMUError) -> HardwarePageTable {
    try HardwarePageTable(for: device, on: object, options, stage1: stage1, faults: faults.object)
  }

  /// Makes a table on an address space, on a nesting parent or through a virtual IOMMU.
  init(
    for device: borrowing BoundDevice, on parent: KernelObject, _ options: HWPTFlags,
    stage1: GuestStage1? = nil, faults: KernelObject? = nil
  ) throws(IOMMUError) {
    let context = parent.context
    let options = options.subtracting(.faultIDValid)
    let deviceName = device.handle.name
    guard device.handle.context === context, faults.map({ $0.context === context }) ?? true else {
      throw IOMMUError(.iommufd(.hwptAlloc), refused: .otherContext, [deviceName, parent.name])
    }

    var argument = HWPTAllocArgument()
    argument.flags = (faults == nil ? options : options.union(.faultIDValid)).rawValue
    argument.deviceID = device.id
    argument.parentID = parent.id
    argument.faultID = faults?.id ?? 0
    let circumstances = Self.circumstances(parent, options, stage1, faults)
    if let stage1 {
      let (type, bytes) = stage1.data
      argument.dataType = type
      argument.dataLength = UInt32(bytes.count)
      let template = argument
      argument = try context.scratch.with(bytes.count) { (scratch) throws(IOMMUError) in
        var argument = template
        argument.dataAddress = scratch.address
        try scratch.store(bytes)
        try context.perform(
          .hwptAlloc, &argument, circumstances, about: [parent.name, deviceName])
        return argument
      }
    } else {
      try context.perform(.hwptAlloc, &argument, circumstances, about: [parent.name, deviceName])
    }

    let id = argument.outID
    object = KernelObject(
      stage1 == nil ? .pageTable(id) : .nestedTable(id), id: id, in: context,
      uses: [parent] + (faults.map { [$0] } ?? []), options: options)
  }

  private static func circumstances(
    _ parent: KernelObject, _ options: HWPTFlags, _ stage1: GuestStage1?, _ faults: KernelObject?
  ) -> Circumstances {
    var result: Circumstances = []
    if stage1 != nil { result.insert(.nested) }
    if faults != nil { result.insert(.faults) }
    if options.contains(.nestParent) { result.insert(.nestingParent) }
    if options.contains(.dirtyTracking) { result.insert(.dirtyTracking) }
    if options.contains(.pasid) { result.insert(.pasid) }
    if case .virtualIOMMU = parent.name { result.insert(.virtualIOMMU) }
    return result
  }
}
