import HostABI

extension Explanation {
  /// Attaching, replacing and detaching.
  static let attachments: [Explanation] = withPASID + withoutPASID

  private static let withPASID: [Explanation] = [
    Explanation(
      .device(.attach), .EINVAL, [.pasid, .tableLacksPASID],
      "the table was not allocated for PASID use",
      do: "Allocate it with the PASID option (IOMMU_HWPT_ALLOC_PASID)"),
    Explanation(
      .device(.attach), .EINVAL, [.pasid, .requesterLacksPASID],
      "the device's requests without a PASID go through a table that was not allocated for PASID "
        + "use, and Linux attaches no PASID beside such a one",
      do:
        "First replace that table with one that has the PASID option; an address space attached "
        + "as such never will do"),
    Explanation(
      .device(.attach), .EINVAL, [.pasid, .nested],
      "the PASID is wider than the device or IOMMU can do, the IOMMU refuses the guest's table "
        + "(address width, supervisor requests, extended accessed flag), or another device of the "
        + "group uses the PASID with another table",
      do:
        "Compare the PASID with the width in the hardware information, and the guest's entry with "
        + "the unit's capabilities"),
    Explanation(
      .device(.attach), .EINVAL, .pasid,
      "the PASID is wider than the device or IOMMU can do, another device of the group uses it "
        + "with another table or goes through one without PASID use, or the table is for another IOMMU",
      do:
        "Compare the PASID with the width in the hardware information, and look into "
        + "iommu_group/devices for others of the group"),
    Explanation(
      .device(.attach), .EOPNOTSUPP, .pasid,
      "the device's VFIO driver or its IOMMU attaches no PASIDs",
      do:
        "Use the plain vfio-pci driver; VT-d and SMMUv3 (stage 1) attach PASIDs, and a guest's "
        + "SMMUv3 brings its PASIDs with its own table"),
    Explanation(
      .device(.attach), .EBUSY, .pasid,
      "the PASID is in use by the host itself, or the device or one of its group is being reset",
      do: "Try again after the reset, or choose another PASID"),
    Explanation(
      .device(.attach), .ENOSPC, .pasid, "the PASID is beyond what Linux can note down",
      do: "Use PASIDs below the width in the hardware information"),
    Explanation(
      .device(.attach), .ENODEV, .pasid,
      "the table has a fault queue, and page requests (PRI) are not enabled on the device",
      do: "Use a table without a fault queue, or a device with ATS and PRI switched on"),
    Explanation(
      .device(.detach), .EOPNOTSUPP, .pasid, "the device's VFIO driver knows no PASIDs",
      do: "Use the plain vfio-pci driver"),
  ]

  private static let withoutPASID: [Explanation] = [
    Explanation(
      .device(.attach), .EADDRINUSE, [],
      "a mapping or an allowed range covers addresses that the device reserves, such as those of "
        + "its interrupts (0xfee00000-0xfeefffff on x86, 0x8000000-0x80fffff on Arm)",
      do: "Unmap it, attach, and map around what the usable addresses leave out"),
    Explanation(
      .device(.attach), .EINVAL, [.pasidsAttached, .tableLacksPASID],
      "PASIDs are attached, and the table was not allocated for PASID use",
      do: "Use a table with the PASID option, or detach the PASIDs first"),
    Explanation(
      .device(.attach), .EINVAL, .nested,
      "the IOMMU refuses the guest's table: its address width, supervisor requests or extended "
        + "accessed flag are beyond the unit, or its parent is for another one",
      do:
        "Compare the guest's entry with the hardware information, and answer the guest with a fault"
    ),
    Explanation(
      .device(.attach), .EINVAL, [],
      "the table is not for this device: another IOMMU, coherency that the device cannot keep, "
        + "or another device of its group goes through another table",
      do: "Make the table for this device, and attach all devices of a group to one"),
    Explanation(
      .device(.attach), .ENOENT, .nested,
      "the table is gone, or the device has no vDevice in the virtual IOMMU that the table is of",
      do: "Make the vDevice before attaching a table that translates (SMMUv3)"),
    Explanation(
      .device(.attach), .ENOENT, [], "the table or address space is gone",
      do: "Keep it until it is detached"),
    Explanation(
      .device(.attach), .EBUSY, [],
      "the device or one of its group is being reset, or the host holds PASIDs of it",
      do: "Try again after the reset; on SMMUv3 detach the PASIDs before attaching a guest's table"),
    Explanation(
      .device(.attach), .ENODEV, [],
      "the table has a fault queue, and page requests (PRI) are not enabled on the device",
      do: "Use a table without a fault queue, or a device with ATS and PRI switched on"),
    Explanation(
      .device(.attach), .EFAULT, .addressSpace,
      "memory that was mapped earlier is not there any more",
      do: "Keep memory mapped in the process until the first attach, which pins it"),
    Explanation(
      .device(.attach), .ENOMEM, .addressSpace,
      "pinning what is mapped goes over the limit on locked memory, or memory is exhausted",
      do: "Raise the limit on locked memory (ulimit -l, RLIMIT_MEMLOCK) above the guest's memory"),
  ]
}
