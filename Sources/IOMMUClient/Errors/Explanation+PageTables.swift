import HostABI

extension Explanation {
  /// Page tables, dirty tracking and invalidation.
  static let pageTables: [Explanation] = allocation + tracking

  private static let allocation: [Explanation] = [
    Explanation(
      .iommufd(.hwptAlloc), .EOPNOTSUPP, [.nestingParent, .faults],
      "a nesting parent cannot have a fault queue",
      do: "Give the fault queue to the nested tables"),
    Explanation(
      .iommufd(.hwptAlloc), .EOPNOTSUPP, [.nested, .virtualIOMMU],
      "the virtual IOMMU takes no nested tables of this kind or with these options",
      do: "On SMMUv3 leave out the PASID option: the guest's PASIDs come with its own table"),
    Explanation(
      .iommufd(.hwptAlloc), .EOPNOTSUPP, .nested,
      "the IOMMU nests no tables this way, or not with these options",
      do:
        "Check the hardware information for nesting. On SMMUv3 make the table through a virtual "
        + "IOMMU; on VT-d only the PASID option and a fault queue are possible"),
    Explanation(
      .iommufd(.hwptAlloc), .EOPNOTSUPP, .nestingParent,
      "the IOMMU has no nesting, or no nesting parent with these options",
      do:
        "Check the hardware information for nesting (VT-d: scalable mode), and ask for fewer "
        + "options: SMMUv3 takes none beside it"),
    Explanation(
      .iommufd(.hwptAlloc), .EOPNOTSUPP, .dirtyTracking,
      "the IOMMU cannot record written pages, or not with these options",
      do: "Ask the hardware information for dirty tracking, and do without it where it is missing"),
    Explanation(
      .iommufd(.hwptAlloc), .EOPNOTSUPP, .pasid,
      "the IOMMU or its driver makes no tables for PASID use",
      do:
        "Check that the unit runs with PASIDs (VT-d: scalable mode on, SMMUv3: stage 1), or use "
        + "the device without PASIDs"),
    Explanation(
      .iommufd(.hwptAlloc), .EINVAL, [.nested, .virtualIOMMU],
      "the device is not behind the virtual IOMMU's own unit, or the guest's entry has the wrong size",
      do: "Give each physical IOMMU a virtual one of its own"),
    Explanation(
      .iommufd(.hwptAlloc), .EINVAL, .nested,
      "the parent was not allocated as a nesting parent, or for another kind of IOMMU",
      do: "Allocate the parent with the nesting parent option, for a device of the same IOMMU"),
    Explanation(
      .iommufd(.hwptAlloc), .EIO, .nested,
      "the guest's stream table entry has bits that a guest may not set",
      do: "Answer the guest with the event for a bad stream table entry (C_BAD_STE)"),
    Explanation(
      .iommufd(.hwptAlloc), .EINVAL, .nestingParent,
      "the address space cannot be carried over: its pages are too small for the IOMMU, or, on "
        + "VT-d with erratum 772415, it has memory that devices may only read",
      do:
        "Map read-only memory as writeable, or leave it out, where the hardware information says so"
    ),
    Explanation(
      .iommufd(.hwptAlloc), .EINVAL, [],
      "the address space is gone, or the IOMMU cannot carry its mappings",
      do:
        "Check that the address space is still there and its pages are no smaller than the IOMMU's"),
    Explanation(
      .iommufd(.hwptAlloc), .ENOENT, .faults, "the device or the fault queue is gone",
      do: "Keep the fault queue as long as tables are made for it"),
    Explanation(
      .iommufd(.hwptAlloc), .ENOENT, [], "the device is not bound any more, or is a mediated one",
      do: "Make tables for physical devices only, while they are bound"),
    Explanation(
      .iommufd(.hwptAlloc), .EADDRINUSE, [],
      "a mapping or an allowed range is where the table cannot reach, or is not aligned for it",
      do: "Unmap it: the IOMMU's address width and page size limit what can be mapped"),
    Explanation(
      .iommufd(.hwptAlloc), .EFAULT, [],
      "memory that was mapped earlier is not there any more, or devices shall write what is "
        + "read-only",
      do: "Keep memory mapped in the process until the first table is made, which pins it"),
    Explanation(
      .iommufd(.hwptAlloc), .ENOMEM, [],
      "pinning what is mapped goes over the limit on locked memory, or memory is exhausted",
      do: "Raise the limit on locked memory (ulimit -l, RLIMIT_MEMLOCK) above the guest's memory"),
  ]

  private static let tracking: [Explanation] = [
    Explanation(
      .iommufd(.setDirtyTracking), .EOPNOTSUPP, [],
      "the table was not allocated for dirty tracking",
      do: "Allocate it with the dirty tracking option, and replace the present one"),
    Explanation(
      .iommufd(.setDirtyTracking), .ENOENT, [],
      "the table is gone, or is a guest's, which records nothing",
      do: "Track on the nesting parent"),
    Explanation(
      .iommufd(.getDirtyBitmap), .EOPNOTSUPP, [],
      "the table was not allocated for dirty tracking",
      do: "Allocate it with the dirty tracking option, and replace the present one"),
    Explanation(
      .iommufd(.getDirtyBitmap), .ENOENT, [],
      "the table is gone, or is a guest's, which records nothing",
      do: "Ask the nesting parent"),
    Explanation(
      .iommufd(.getDirtyBitmap), .EINVAL, [],
      "start or end is not a multiple of the page size or of the address space's alignment",
      do: "Ask for whole pages"),
    Explanation(
      .iommufd(.hwptInvalidate), .EINVAL, [],
      "the object is no guest's table or is for another kind of IOMMU, or an entry is wrong (VT-d: "
        + "an address that is not on a page, or all pages from an address that is not 0)",
      do: "Send it to the nested table (VT-d) or to the virtual IOMMU (SMMUv3), and check the entry"
    ),
    Explanation(
      .iommufd(.hwptInvalidate), .EOPNOTSUPP, [],
      "an entry has a flag that this kernel does not know, or the object takes no invalidations",
      do: "On SMMUv3 send commands to the virtual IOMMU, not to a nested table"),
    Explanation(
      .iommufd(.hwptInvalidate), .EIO, [],
      "a command is not one that a guest may send, or names a stream that no vDevice has",
      do:
        "Make a vDevice for every device that the guest sees, and answer the guest with CERROR_ILL"),
  ]
}
