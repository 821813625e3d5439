public import Hardware
import HostABI

extension HardwarePageTable {
  /// Starts or stops recording which pages devices write (`IOMMU_HWPT_SET_DIRTY_TRACKING`).
  ///
  /// Starting forgets what was recorded before.
  ///
  /// - Parameter isOn: Whether to record.
  /// - Throws: ``IOMMUError`` with `EOPNOTSUPP` when the table was allocated without
  ///   `dirtyTracking`.
  public func setDirtyTracking(_ isOn: Bool) throws(IOMMUError) {
    var argument = SetDirtyTrackingArgument()
    argument.flags = isOn ? 1 : 0
    argument.hwptID = id
    try context.perform(.setDirtyTracking, &argument, about: [object.name])
  }

  /// Which pages devices have written (`IOMMU_HWPT_GET_DIRTY_BITMAP`).
  ///
  /// Linux follows the mappings upwards from the start of the range and stops at the first gap
  /// between them, so a range is best one that is mapped throughout. It is one request, however
  /// large the range: an IOMMU page that reaches into two would be told in the first one only.
  ///
  /// - Parameters:
  ///   - range: The addresses; start and end are multiples of the page size and of the address
  ///     space's alignment.
  ///   - pageSize: Bytes that one bit stands for, a power of two.
  ///   - clearing: Whether a page that is told now counts as not written until the next write.
  /// - Returns: The written pages.
  /// - Throws: ``IOMMUError``.
  public func dirtyPages(
    in range: ClosedRange<IOVA>, pageSize: UInt64 = 4096, clearing: Bool = true
  ) throws(IOMMUError) -> DirtyBitmap {
    guard pageSize.nonzeroBitCount == 1 else {
      throw IOMMUError(.iommufd(.getDirtyBitmap), refused: .pageSize(pageSize), [object.name])
    }
    let distance = range.upperBound.rawValue - range.lowerBound.rawValue
    // A gibibyte of bits, for 32 TiB in pages of 4 KiB: more is asked for in pieces.
    guard distance < .max, distance / pageSize < 1 << 33 else {
      throw IOMMUError(.iommufd(.getDirtyBitmap), refused: .range, [object.name])
    }
    let bits = Int(distance / pageSize) + 1
    let byteCount = (bits + 63) / 64 * 8
    let bytes = try context.scratch.with(byteCount) { (scratch) throws(IOMMUError) in
      // The kernel only sets bits.
      try scratch.store([UInt8](repeating: 0, count: byteCount))
      var argument = GetDirtyBitmapArgument()
      argument.hwptID = id
      argument.flags = clearing ? 0 : 1
      argument.iova = range.lowerBound.rawValue
      argument.length = distance + 1
      argument.pageSize = pageSize
      argument.bitmap = scratch.address
      try context.perform(.getDirtyBitmap, &argument, about: [object.name])
      return try scratch.load(byteCount)
    }
    return DirtyBitmap(range: range, pageSize: pageSize, bytes: bytes)
  }
}
