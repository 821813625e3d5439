/// The argument of `VFIO_IOMMU_GET_INFO` (0x3B70 on a container).
package struct ContainerInfoArgument: WireStructure {
  package var argumentSize: UInt32 = 24
  package var flags: UInt32 = 0
  package var pageSizes: UInt64 = 0
  package var capabilityOffset: UInt32 = 0
  package var padding: UInt32 = 0

  package init() {}
}

/// The argument of `VFIO_IOMMU_MAP_DMA` (0x3B71 on a container).
package struct ContainerMapArgument: WireStructure {
  package var argumentSize: UInt32 = 32
  package var flags: UInt32 = 0
  package var userAddress: UInt64 = 0
  package var iova: UInt64 = 0
  package var byteCount: UInt64 = 0

  package init() {}
}

/// The argument of `VFIO_IOMMU_UNMAP_DMA` (0x3B72 on a container).
package struct ContainerUnmapArgument: WireStructure {
  package var argumentSize: UInt32 = 24
  package var flags: UInt32 = 0
  package var iova: UInt64 = 0
  package var byteCount: UInt64 = 0

  package init() {}
}
