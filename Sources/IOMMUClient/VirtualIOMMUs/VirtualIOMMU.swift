public import HostABI

/// The kernel's half of an IOMMU that a guest sees (SMMUv3; VT-d needs none).
///
/// It takes a slice of the physical unit for one guest: nested tables are made through it, the
/// guest's invalidation commands are sent to it, and it knows devices by the numbers that the guest
/// uses. It keeps its nesting parent; what is made of it keeps it.
public struct VirtualIOMMU: ~Copyable, Sendable {
  /// Which IOMMU the guest sees.
  public enum Kind: UInt32, Hashable, Sendable {
    /// An SMMUv3.
    case smmuv3 = 1
    /// An SMMUv3 with Tegra241's command queues.
    case tegra241CommandQueues = 2
  }

  /// A page of registers that the guest may be given.
  public struct RegisterWindow: Hashable, Sendable {
    /// Where the context's descriptor maps it.
    public let offset: UInt64
    /// Its size in bytes.
    public let byteCount: UInt64
  }

  let object: KernelObject
  /// Which IOMMU the guest sees.
  public let kind: Kind
  /// Registers for the guest; only Tegra241 has any.
  public let registers: RegisterWindow?

  /// Makes a virtual IOMMU (`IOMMU_VIOMMU_ALLOC`).
  ///
  /// - Parameters:
  ///   - kind: Which IOMMU the guest sees.
  ///   - device: A device behind the physical unit.
  ///   - parent: The second stage, allocated as a nesting parent.
  /// - Throws: ``IOMMUError`` with `EOPNOTSUPP` when the physical unit has no such virtual one.
  public init(
    _ kind: Kind, for device: borrowing BoundDevice, on parent: borrowing HardwarePageTable
  ) throws(IOMMUError) {
    let parent = parent.object
    let context = parent.context
    let deviceName = device.handle.name
    guard device.handle.context === context else {
      throw IOMMUError(.iommufd(.viommuAlloc), refused: .otherContext, [deviceName, parent.name])
    }
    let (id, registers) = try Self.allocate(kind, device.handle, parent)
    self.kind = kind
    self.registers = registers
    object = KernelObject(.virtualIOMMU(id), id: id, in: context, uses: [parent])
  }

  private static func allocate(
    _ kind: Kind, _ device: DeviceHandle, _ parent: KernelObject
  ) throws(IOMMUError) -> (UInt32, RegisterWindow?) {
    let context = parent.context
    let windowSize = 16
    return try context.scratch.with(windowSize) {
      (scratch) throws(IOMMUError) -> (UInt32, RegisterWindow?) in
      var argument = VIOMMUAllocArgument()
      argument.type = kind.rawValue
      argument.deviceID = device.id
      argument.hwptID = parent.id
      if kind == .tegra241CommandQueues {
        argument.dataLength = UInt32(windowSize)
        argument.dataAddress = scratch.address
        try scratch.store([UInt8](repeating: 0, count: windowSize))
      }
      try context.perform(.viommuAlloc, &argument, about: [device.name, parent.name])
      // An object that was made must not be lost, so that a window that cannot be read is none.
      guard kind == .tegra241CommandQueues, let bytes = try? scratch.load(windowSize) else {
        return (argument.outID, nil)
      }
      let window = RegisterWindow(
        offset: bytes.little(UInt64.self, at: 0), byteCount: bytes.little(UInt64.self, at: 8))
      return (argument.outID, window)
    }
  }

  /// The kernel's number for it.
  public var id: UInt32 { object.id }

  /// Destroys the virtual IOMMU now.
  ///
  /// - Throws: ``IOMMUError`` with `EBUSY` while something made of it is left; it then goes with
  ///   the last of that.
  public consuming func destroy() throws(IOMMUError) { try object.destroy() }
}

extension VirtualIOMMU {
  /// Makes a nested table of what the guest wrote.
  ///
  /// - Parameters:
  ///   - device: A device behind the same physical unit.
  ///   - stage1: The guest's stream table entry.
  ///   - options: What else is asked; SMMUv3 takes nothing.
  /// - Returns: The table; attach it without a PASID, the guest's PASIDs come with it.
  /// - Throws: ``IOMMUError`` with `EIO` for an entry that a guest may not write.
  public func makeNestedTable(
    for device: borrowing BoundDevice, _ stage1: GuestStage1, options: HWPTFlags = []
  ) throws(IOMMUError) -> HardwarePageTable {
    try HardwarePageTable(for: device, on: object, options, stage1: stage1)
  }

  /// Makes a nested table whose page requests go to a queue.
  ///
  /// - Parameters:
  ///   - device: A device behind the same physical unit.
  ///   - stage1: The guest's stream table entry.
  ///   - options: What else is asked; SMMUv3 takes nothing.
  ///   - faults: The queue.
  /// - Returns: The table.
  /// - Throws: ``IOMMUError``.
  public func makeNestedTable(
    for device: borrowing BoundDevice, _ stage1: GuestStage1, options: HWPTFlags = [],
    faults: borrowing FaultQueue
  ) throws(IOMMUError) -> HardwarePageTable {
    try HardwarePageTable(for: device, on: object, options, stage1: stage1, faults: faults.object)
  }

  /// Carries out invalidation commands of the guest (`IOMMU_HWPT_INVALIDATE`).
  ///
  /// The kernel puts its own VM and stream numbers in the place of the guest's.
  ///
  /// - Parameter commands: The commands, in order.
  /// - Returns: How many were handled: all of them.
  /// - Throws: ``IOMMUError`` with `EIO` for a command that a guest may not send, or whose stream
  ///   no ``VirtualDevice`` has; its `handled` says how many before it were handled.
  @discardableResult
  public func invalidate(_ commands: [SMMUv3Command]) throws(IOMMUError) -> Int {
    try object.invalidate(
      commands.count, InvalidateDataType.armSMMUv3, entrySize: SMMUv3Invalidation.byteCount
    ) { [commands[$0].word0, commands[$0].word1, 0] }
  }
}
