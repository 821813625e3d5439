public import Hardware

/// A VFIO device in the hands of a context.
///
/// It keeps the tables that are attached to it. When the owner ends the device is closed, which
/// detaches everything; a ``VirtualDevice`` made of it keeps it open until that one ends.
public struct BoundDevice: ~Copyable, Sendable {
  let handle: DeviceHandle

  init(_ id: UInt32, _ file: OpenFile, _ context: IOMMUContext) {
    handle = DeviceHandle(id, file, context)
  }

  /// The context's number for the device.
  public var id: UInt32 { handle.id }

  /// The node that was opened.
  public var path: String { handle.file.path }

  /// The open device, for waiting and mapping; this owner closes it.
  public var descriptor: Int32 { handle.file.descriptor }

  /// The context that the device is bound to.
  public var context: IOMMUContext { handle.context }

  /// Closes the device now, or as soon as the last ``VirtualDevice`` made of it ends.
  public consuming func close() {}
}

/// Attaching, where each table can be that of the requests without a PASID and of any PASIDs.
///
/// Attaching and replacing are one request to Linux. Here they are two, so that a table is never
/// replaced by accident. A failed attach leaves the device's DMA blocked, and a failed replace
/// leaves the old table in force.
extension BoundDevice {
  /// Attaches a table for requests without a PASID (`VFIO_DEVICE_ATTACH_IOMMUFD_PT`).
  ///
  /// - Parameter table: The table.
  /// - Throws: ``IOMMUError``: `EADDRINUSE` when addresses are mapped that the device reserves,
  ///   `EINVAL` when the table is not for the device's IOMMU, or PASIDs are attached and the table
  ///   was not allocated for PASID use.
  public func attach(to table: borrowing HardwarePageTable) throws(IOMMUError) {
    _ = try handle.attach(table.object, nil, replacing: false)
  }

  /// Puts another table in the place of the one for requests without a PASID.
  ///
  /// - Parameter table: The new table.
  /// - Throws: ``IOMMUError``.
  public func replace(with table: borrowing HardwarePageTable) throws(IOMMUError) {
    _ = try handle.attach(table.object, nil, replacing: true)
  }

  /// Attaches an address space through a table that the kernel makes and ends by itself.
  ///
  /// Such a table stands in the way of PASIDs: Linux attaches none beside it.
  ///
  /// - Parameter space: The address space.
  /// - Returns: The kernel's number for the table.
  /// - Throws: ``IOMMUError``.
  @discardableResult
  public func attach(to space: borrowing IOAddressSpace) throws(IOMMUError) -> UInt32 {
    try handle.attach(space.object, nil, replacing: false)
  }

  /// Puts an address space in the place of what is attached.
  ///
  /// - Parameter space: The address space.
  /// - Returns: The kernel's number for the table.
  /// - Throws: ``IOMMUError``.
  @discardableResult
  public func replace(with space: borrowing IOAddressSpace) throws(IOMMUError) -> UInt32 {
    try handle.attach(space.object, nil, replacing: true)
  }

  /// Detaches the table for requests without a PASID, whose DMA is blocked from then on.
  ///
  /// PASIDs keep their tables. That nothing is attached is no error.
  ///
  /// - Throws: ``IOMMUError``.
  public func detach() throws(IOMMUError) { try handle.detach(nil) }

  /// Attaches a table for requests with a PASID.
  ///
  /// - Parameters:
  ///   - pasid: The PASID, not 0.
  ///   - table: A table that was allocated with the `pasid` option.
  /// - Throws: ``IOMMUError``: `EINVAL` when the table was not allocated for PASID use, when the
  ///   requests without a PASID go through one that was not, or when the PASID is wider than device
  ///   and IOMMU can do; `EOPNOTSUPP` when driver or IOMMU attach no PASIDs.
  public func attach(
    _ pasid: PASID, to table: borrowing HardwarePageTable
  ) throws(IOMMUError) {
    _ = try handle.attach(table.object, pasid, replacing: false)
  }

  /// Puts another table in the place of a PASID's.
  ///
  /// - Parameters:
  ///   - pasid: A PASID that has a table.
  ///   - table: A table that was allocated with the `pasid` option.
  /// - Throws: ``IOMMUError``.
  public func replace(
    _ pasid: PASID, with table: borrowing HardwarePageTable
  ) throws(IOMMUError) {
    _ = try handle.attach(table.object, pasid, replacing: true)
  }

  /// Detaches a PASID's table; its DMA is blocked from then on.
  ///
  /// - Parameter pasid: The PASID; that nothing is attached to it is no error.
  /// - Throws: ``IOMMUError``.
  public func detach(_ pasid: PASID) throws(IOMMUError) { try handle.detach(pasid) }

  /// The PASIDs that have tables, ascending.
  public var attachedPASIDs: [PASID] { handle.attachedPASIDs }

  /// What requests without a PASID go through; `nil` while they are blocked.
  public var attachedTable: IOMMUObject? { handle.requesterTable }
}
