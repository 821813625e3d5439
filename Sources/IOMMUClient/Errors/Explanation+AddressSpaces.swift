import HostABI

extension Explanation {
  /// Mapping and addresses.
  static let addressSpaces: [Explanation] = mapping + copying + addresses

  private static let mapping: [Explanation] = [
    Explanation(
      .iommufd(.ioasMap), .EEXIST, [], "something is mapped at that address already",
      do: "Unmap it first; Linux replaces no mapping in place"),
    Explanation(
      .iommufd(.ioasMap), .EINVAL, .fixed,
      "the address touches a reserved range or what no page table reaches, or address, size or "
        + "memory is not aligned, or neither reading nor writing is allowed",
      do:
        "Compare with the usable addresses and their alignment; on x86 0xfee00000-0xfeefffff "
        + "belongs to interrupts. Under a nesting parent of VT-d read-only memory is refused too"),
    Explanation(
      .iommufd(.ioasMap), .EINVAL, [],
      "size or memory is not aligned, or neither reading nor writing is allowed",
      do:
        "Compare with the alignment of the usable addresses. Under a nesting parent of VT-d "
        + "read-only memory is refused too"),
    Explanation(
      .iommufd(.ioasMap), .EFAULT, [],
      "the memory is not mapped in this process, or devices shall write what it may only read",
      do: "Map the memory first, and ask for no more access than it has"),
    Explanation(
      .iommufd(.ioasMap), .ENOMEM, [],
      "pinning the memory goes over the limit on locked memory, or memory is exhausted",
      do: "Raise the limit on locked memory (ulimit -l, RLIMIT_MEMLOCK) above the guest's memory"),
    Explanation(
      .iommufd(.ioasMap), .ENOSPC, [],
      "no gap between mappings and reserved ranges is large enough",
      do: "Choose an address, widen the allowed ranges, or unmap something"),
    Explanation(
      .iommufd(.ioasMapFile), .EBADF, [], "the file is not open",
      do: "Keep the descriptor open until it is mapped"),
    Explanation(
      .iommufd(.ioasMapFile), .EEXIST, [], "something is mapped at that address already",
      do: "Unmap it first; Linux replaces no mapping in place"),
    Explanation(
      .iommufd(.ioasMapFile), .EINVAL, [],
      "the file is not one in memory (memfd, shmem, hugetlbfs, dma-buf), the range ends behind "
        + "it, or address and size do not fit the usable addresses and their alignment",
      do: "Use a memfd of at least that size, and compare with the usable addresses"),
    Explanation(
      .iommufd(.ioasMapFile), .ENOMEM, [],
      "pinning the memory goes over the limit on locked memory, or memory is exhausted",
      do: "Raise the limit on locked memory (ulimit -l, RLIMIT_MEMLOCK) above the guest's memory"),
    Explanation(
      .iommufd(.ioasMapFile), .ENOSPC, [],
      "no gap between mappings and reserved ranges is large enough",
      do: "Choose an address, widen the allowed ranges, or unmap something"),
    Explanation(
      .iommufd(.ioasMapFile), .EOPNOTSUPP, [],
      "the dma-buf is not one of a single range that vfio-pci has exported",
      do: "Export each range by itself, or use a newer kernel"),
    Explanation(
      .iommufd(.ioasMapFile), .ENODEV, [], "the device has taken back the memory that it exported",
      do: "Export it again; closing the device or its reset takes it back"),
    Explanation(
      .iommufd(.ioasUnmap), .ENOENT, [],
      "nothing is mapped there, or a mapping lies only partly in the range",
      do:
        "Unmap exactly what was mapped. Whole mappings below the partly covered one are gone "
        + "already"),
    Explanation(
      .iommufd(.ioasUnmap), .EBUSY, [],
      "another thread maps or unmaps there, or a hardware queue lies in that memory",
      do: "End the queue first, or try again"),
    Explanation(
      .iommufd(.ioasUnmap), .EDEADLOCK, [], "a mediated device does not let go of the memory",
      do: "Stop or detach the mediated device"),
  ]

  private static let copying: [Explanation] = [
    Explanation(
      .iommufd(.ioasCopy), .ENOENT, [],
      "an address space is gone, or the source does not map the whole range",
      do: "Copy a range that mappings cover without a gap"),
    Explanation(
      .iommufd(.ioasCopy), .EPERM, [], "the source may not be written by devices",
      do: "Copy for reading only"),
    Explanation(
      .iommufd(.ioasCopy), .EEXIST, [], "something is mapped at the destination already",
      do: "Unmap it first"),
  ]

  private static let addresses: [Explanation] = [
    Explanation(
      .iommufd(.ioasAllowIOVAs), .EADDRINUSE, [],
      "an allowed range touches addresses that a device reserves or a page table does not reach",
      do: "Allow only what the usable addresses contain"),
    Explanation(
      .iommufd(.ioasAllowIOVAs), .EINVAL, [],
      "two of the ranges overlap, or one has a single byte only",
      do: "Give ranges of two bytes or more that do not overlap"),
  ]
}
