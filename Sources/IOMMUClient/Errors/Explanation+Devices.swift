import HostABI

extension Explanation {
  /// Binding, and what is asked of a bound device.
  static let devices: [Explanation] = binding + access

  private static let binding: [Explanation] = [
    Explanation(
      .device(.bindIOMMUFD), .EBUSY, [],
      "the device's IOMMU group is open through its legacy node (/dev/vfio/GROUP), or another "
        + "driver uses the group",
      do:
        "Find who has the node open (fuser -v /dev/vfio/*) and stop it, and bind every device of "
        + "the group to vfio-pci"),
    Explanation(
      .device(.bindIOMMUFD), .EPERM, [],
      "the device's interrupts are not isolated (no interrupt remapping), or a device of its IOMMU "
        + "group belongs to another process or to a driver of the host",
      do:
        "Switch interrupt remapping on in firmware and kernel; look into iommu_group/devices for "
        + "the others of the group, and bind all of them to vfio-pci"),
    Explanation(
      .device(.bindIOMMUFD), .EACCES, .token,
      "the VF token is not the one that the physical function's owner set",
      do: "Give the same UUID to the physical function's owner and to each virtual function"),
    Explanation(
      .device(.bindIOMMUFD), .EACCES, [],
      "the physical function is in VFIO's hands too, so a VF token is needed",
      do: "Give the UUID that the physical function's owner set"),
    Explanation(
      .device(.bindIOMMUFD), .EINVAL, .token,
      "the device takes no VF token, or is open elsewhere, or its IOMMU cannot be used",
      do: "Leave the token out for a device that is neither a virtual function nor has any"),
    Explanation(
      .device(.bindIOMMUFD), .EINVAL, [],
      "the device is open elsewhere, is bound already, must keep mappings that its firmware asks "
        + "for, or its IOMMU cannot keep DMA coherent",
      do:
        "Stop the other program that has the device; look into the kernel's log (dmesg) for "
        + "reserved memory (RMRR) of the device"),
    Explanation(
      .device(.bindIOMMUFD), .ENODEV, [], "the device has no IOMMU group",
      do: "Switch the IOMMU on in firmware and kernel (intel_iommu=on, or amd_iommu=on)"),
    Explanation(
      .device(.bindIOMMUFD), .EBADFD, [], "the context's descriptor is not an open iommufd",
      do: "Give the descriptor of an open /dev/iommu"),
    Explanation(
      .device(.bindIOMMUFD), .EAGAIN, [], "another program resets the device right now",
      do: "Try again"),
    Explanation(
      .device(.bindIOMMUFD), .ENOTTY, [],
      "the kernel is too old, or the driver of the device knows no iommufd",
      do: "Use a kernel from 6.6 on with CONFIG_VFIO_DEVICE_CDEV"),
  ]

  private static let access: [Explanation] = [
    Explanation(
      .device(.reset), .EINVAL, [], "the device has no reset that works",
      do: "Reset the whole bus or slot, or do without"),
    Explanation(
      .device(.reset), .EAGAIN, [], "another program uses the locks of a reset right now",
      do: "Try again"),
    Explanation(
      .device(.setIRQs), .EINVAL, [],
      "there is no such interrupt, or another kind of interrupts (INTx, MSI, MSI-X) is on",
      do: "Switch the other kind off first, and compare with what the device says it has"),
    Explanation(
      .device(.setIRQs), .EBADF, [], "an event counter is not open",
      do: "Keep the descriptors open until the request is done"),
    Explanation(
      .device(.setIRQs), .ENOTTY, [], "that kind of interrupts cannot be masked this way",
      do: "Mask MSI and MSI-X in the device's own registers"),
    Explanation(
      .device(.getRegionInfo), .EINVAL, [], "the device has no such region",
      do: "Ask its information how many regions it has"),
    Explanation(
      .device(.getIRQInfo), .EINVAL, [], "the device has no such kind of interrupts",
      do: "Ask its information how many kinds it has"),
    Explanation(
      .readRegion, .EIO, [],
      "the device does not decode memory accesses: its command register has them switched off, or "
        + "it sleeps",
      do: "Set memory decode in its command register, and wake it up"),
    Explanation(
      .writeRegion, .EIO, [],
      "the device does not decode memory accesses: its command register has them switched off, or "
        + "it sleeps",
      do: "Set memory decode in its command register, and wake it up"),
    Explanation(
      .readRegion, .EFAULT, [], "the access runs over the end of config space",
      do: "Compare with the region's size"),
    Explanation(
      .writeRegion, .EFAULT, [], "the access runs over the end of config space",
      do: "Compare with the region's size"),
    Explanation(
      .readRegion, .EINVAL, [], "the region is absent, or the access starts behind its end",
      do: "Compare with the region's size"),
    Explanation(
      .writeRegion, .EINVAL, [],
      "the region is absent or cannot be written, or the access starts behind its end",
      do: "Compare with the region's size and flags"),
  ]
}
