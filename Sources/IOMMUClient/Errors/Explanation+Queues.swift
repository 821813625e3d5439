import HostABI

extension Explanation {
  /// Fault queues, and virtual IOMMUs with what belongs to them.
  static let queues: [Explanation] = [
    Explanation(
      .write, .EINVAL, .faults,
      "the group is not waiting for an answer: it was answered, or its table was detached, which "
        + "answers for it",
      do: "Forget the group, and do not answer twice: the number is used again"),
    Explanation(
      .read, .EINVAL, [], "the first entry of the queue is larger than any that can be read",
      do: "Close the queue; the device that fills it does not keep to PCIe"),
    Explanation(
      .iommufd(.viommuAlloc), .EOPNOTSUPP, [],
      "the IOMMU has no virtual one of this kind (VT-d needs none), or the device's accesses "
        + "cannot be kept coherent",
      do: "Nest tables directly where the hardware information says VT-d"),
    Explanation(
      .iommufd(.viommuAlloc), .EINVAL, [],
      "the page table is no nesting parent, or belongs to another unit than the device",
      do: "Allocate one with the nesting parent option for this device"),
    Explanation(
      .iommufd(.viommuAlloc), .ENOENT, [], "the device or the page table is gone",
      do: "Keep both as long as the virtual IOMMU"),
    Explanation(
      .iommufd(.vdeviceAlloc), .EEXIST, [],
      "the device has a vDevice already, or another one of this virtual IOMMU has the number",
      do: "End the old one first, and give every device a number of its own"),
    Explanation(
      .iommufd(.vdeviceAlloc), .EINVAL, [],
      "the device is behind another unit than the virtual IOMMU",
      do: "Give each physical IOMMU a virtual one of its own"),
    Explanation(
      .iommufd(.vdeviceAlloc), .EOPNOTSUPP, [], "the device has several streams",
      do: "Pass a device with one stream; Linux supports no other here"),
    Explanation(
      .iommufd(.veventqAlloc), .EEXIST, [], "the virtual IOMMU has a queue of this kind already",
      do: "Use that one, or end it first"),
    Explanation(
      .iommufd(.veventqAlloc), .EINVAL, [], "the queue's depth is 0 or above 524288",
      do: "Choose a depth such as 1024"),
    Explanation(
      .iommufd(.hwQueueAlloc), .EINVAL, [],
      "index, address or size of the queue does not fit the hardware",
      do: "Use a size that is a power of two from 32 bytes, at an address that is a multiple of it"),
    Explanation(
      .iommufd(.hwQueueAlloc), .EIO, [], "the queue before this one was not made yet",
      do: "Make queues in ascending order"),
    Explanation(
      .iommufd(.hwQueueAlloc), .EFAULT, [], "the queue's memory is not contiguous on the host",
      do: "Back the guest's memory with huge pages"),
    Explanation(
      .iommufd(.hwQueueAlloc), .ENOENT, [],
      "the virtual IOMMU is gone, or the queue's memory is not mapped in the parent's address space",
      do: "Map guest memory before the guest's queues"),
  ]
}
