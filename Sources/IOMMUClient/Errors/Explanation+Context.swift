import HostABI

extension Explanation {
  /// Opening, and what every kind of object shares.
  static let contexts: [Explanation] = [
    Explanation(
      .open, .ENOENT, .contextNode, "this kernel has no iommufd, or its module is not loaded",
      do: "Load it (modprobe iommufd); a kernel without CONFIG_IOMMUFD cannot do this"),
    Explanation(
      .open, .EACCES, .contextNode, "this user may not open the node",
      do: "Run as root, or give the user the node (a udev rule, or its group)"),
    Explanation(
      .open, .ENOENT, [], "no driver of VFIO has the device",
      do:
        "Bind the device to vfio-pci, and look for the node's name in its vfio-dev directory in "
        + "sysfs; a kernel without CONFIG_VFIO_DEVICE_CDEV makes no such nodes"),
    Explanation(
      .open, .EACCES, [], "this user may not open the device",
      do: "Give the user the node; Linux makes it for root alone"),
    Explanation(
      .open, .ENODEV, [], "the device's driver is going away",
      do: "Bind the device to vfio-pci again"),
    Explanation(
      .iommufd(.destroy), .EBUSY, [],
      "others still use it: page tables an address space, nested tables and virtual IOMMUs a "
        + "page table, devices what they are attached to, tables a fault queue",
      do:
        "Detach the devices and end what was made of it; the object goes by itself with its last "
        + "user"),
    Explanation(
      .iommufd(.destroy), .ENOENT, [], "it is gone already",
      do: "Nothing is left to do, but look for who destroyed it: its number may be used again"),
    Explanation(
      .iommufd(.option), .EPERM, [], "choosing the memory accounting needs CAP_SYS_RESOURCE",
      do: "Run with that capability, or leave the accounting as it is"),
    Explanation(
      .iommufd(.option), .EBUSY, [],
      "memory accounting can only be chosen before the context has any object",
      do: "Choose it right after opening the context"),
    Explanation(
      .iommufd(.option), .EADDRINUSE, [],
      "large pages cannot be switched off: a mapping does not start and end on whole pages",
      do: "Switch them off before mapping"),
    Explanation(
      .iommufd(.option), .EINVAL, [],
      "large pages cannot be switched off any more: the address space has page tables and mappings",
      do: "Switch them off before the first device is attached"),
    Explanation(
      .iommufd(.ioasChangeProcess), .EINVAL, [],
      "some mapping is of the process's own memory, which cannot follow to another process",
      do: "Map guest memory from a memfd (IOMMU_IOAS_MAP_FILE) throughout"),
    Explanation(
      .iommufd(.ioasChangeProcess), .EBUSY, [], "a mapping is being made or removed right now",
      do: "Try again when no other thread maps or unmaps"),
    Explanation(
      .iommufd(.getHardwareInfo), .ENOENT, [],
      "the number is no physical device's: a mediated device has no IOMMU of its own to tell of",
      do: "Do without nesting and PASIDs on this device"),
    Explanation(
      .scratchMemory, .ENOMEM, [], "the process has no memory for the request's arrays",
      do: "Ask for a smaller range at a time, or free memory"),
  ]
}
