import HostABI

/// A device under the number that a guest knows it by (`IOMMU_VDEVICE_ALLOC`).
///
/// It keeps the virtual IOMMU, and the device open: closing the device first would end this object
/// behind its owner's back, and its number would never be used again.
public struct VirtualDevice: ~Copyable, Sendable {
  let object: KernelObject
  /// The number that the guest uses; a StreamID with SMMUv3.
  public let virtualID: UInt64

  /// Makes a virtual device.
  ///
  /// - Parameters:
  ///   - virtualID: The number that the guest uses, different for each device.
  ///   - device: The device.
  ///   - viommu: The virtual IOMMU that it is behind.
  /// - Throws: ``IOMMUError`` with `EEXIST` when the device has one, or the number is taken.
  public init(
    _ virtualID: UInt64, of device: borrowing BoundDevice, behind viommu: borrowing VirtualIOMMU
  ) throws(IOMMUError) {
    let parent = viommu.object
    let handle = device.handle
    guard handle.context === parent.context else {
      throw IOMMUError(.iommufd(.vdeviceAlloc), refused: .otherContext, [handle.name, parent.name])
    }
    var argument = VDeviceAllocArgument()
    argument.viommuID = parent.id
    argument.deviceID = handle.id
    argument.virtualID = virtualID
    try parent.context.perform(.vdeviceAlloc, &argument, about: [handle.name, parent.name])
    self.virtualID = virtualID
    object = KernelObject(
      .virtualDevice(argument.outID), id: argument.outID, in: parent.context, uses: [parent],
      device: handle)
  }

  /// The kernel's number for it.
  public var id: UInt32 { object.id }

  /// Destroys the virtual device now; the device stays attached.
  ///
  /// - Throws: ``IOMMUError``.
  public consuming func destroy() throws(IOMMUError) { try object.destroy() }
}
