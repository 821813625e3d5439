/// The argument of `IOMMU_IOAS_ALLOC` (0x81): makes an I/O address space.
package struct IOASAllocArgument: WireStructure {
  package var size: UInt32 = 12
  package var flags: UInt32 = 0
  package var outID: UInt32 = 0

  package init() {}
}

/// A range of I/O virtual addresses, both ends included (`struct iommu_iova_range`).
package struct IOVARange: WireStructure {
  package var start: UInt64 = 0
  package var last: UInt64 = 0

  package init() {}
}

/// The argument of `IOMMU_IOAS_ALLOW_IOVAS` (0x82): where automatic placement may go.
package struct AllowIOVAsArgument: WireStructure {
  package var size: UInt32 = 24
  package var ioasID: UInt32 = 0
  package var count: UInt32 = 0
  package var reserved: UInt32 = 0
  /// Address of an array of ``IOVARange``.
  package var ranges: UInt64 = 0

  package init() {}
}

/// The argument of `IOMMU_IOAS_COPY` (0x83): shares pages of one address space with another.
package struct IOASCopyArgument: WireStructure {
  package var size: UInt32 = 40
  package var flags: UInt32 = 0
  package var destinationID: UInt32 = 0
  package var sourceID: UInt32 = 0
  package var length: UInt64 = 0
  package var destinationIOVA: UInt64 = 0
  package var sourceIOVA: UInt64 = 0

  package init() {}
}

/// The argument of `IOMMU_IOAS_IOVA_RANGES` (0x84): which addresses can be used.
package struct IOVARangesArgument: WireStructure {
  package var size: UInt32 = 32
  package var ioasID: UInt32 = 0
  package var count: UInt32 = 0
  package var reserved: UInt32 = 0
  /// Address of an array of ``IOVARange``.
  package var ranges: UInt64 = 0
  package var outAlignment: UInt64 = 0

  package init() {}
}

/// The argument of `IOMMU_IOAS_MAP` (0x85): maps the caller's memory.
package struct IOASMapArgument: WireStructure {
  package var size: UInt32 = 40
  package var flags: UInt32 = 0
  package var ioasID: UInt32 = 0
  package var reserved: UInt32 = 0
  package var userAddress: UInt64 = 0
  package var length: UInt64 = 0
  package var iova: UInt64 = 0

  package init() {}
}

/// The argument of `IOMMU_IOAS_MAP_FILE` (0x8F): maps part of a file.
package struct IOASMapFileArgument: WireStructure {
  package var size: UInt32 = 40
  package var flags: UInt32 = 0
  package var ioasID: UInt32 = 0
  package var descriptor: Int32 = 0
  package var start: UInt64 = 0
  package var length: UInt64 = 0
  package var iova: UInt64 = 0

  package init() {}
}

/// The argument of `IOMMU_IOAS_UNMAP` (0x86): removes whole mappings.
package struct IOASUnmapArgument: WireStructure {
  package var size: UInt32 = 24
  package var ioasID: UInt32 = 0
  package var iova: UInt64 = 0
  package var length: UInt64 = 0

  package init() {}
}

/// The argument of `IOMMU_VFIO_IOAS` (0x88): the address space that container requests use.
package struct VFIOIOASArgument: WireStructure {
  package var size: UInt32 = 12
  package var ioasID: UInt32 = 0
  /// 0 gets, 1 sets, 2 clears.
  package var operation: UInt16 = 0
  package var reserved: UInt16 = 0

  package init() {}
}
