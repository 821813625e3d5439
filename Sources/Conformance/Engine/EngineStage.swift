import HostABI

/// First-stage tables of this program's own in the format of VT-d, nested on a table of the host's.
///
/// The host's table maps the memory and the tables elsewhere than the engine sees the memory, so that
/// a request which misses a stage reaches nothing. VT-d 4.1 §3.7, `struct iommu_hwpt_vtd_s1`.
struct EngineStage {
  /// Where the host's table maps the memory and the tables.
  static let memoryBase: UInt64 = 0x2000_0000
  static let tableBase: UInt64 = 0x3000_0000
  /// Levels of the tables; each has one page, which is enough for a gigabyte's first 2 MiB.
  private static let levels = 4

  let ioas: UInt32
  let table: UInt32
  /// The pages of the tables, the root first.
  private let pages: UInt64
  private let context: Context

  /// Makes the tables with nothing in them but one another, above a table that maps some memory; a
  /// fault queue of 0 is none.
  init(
    in context: Context, for device: UInt32, over address: UInt64, _ byteCount: Int,
    faultQueue: UInt32
  ) throws(LinuxErrno) {
    self.context = context
    let size = Self.levels * 0x1000
    pages = try context.bench.memory(size)
    ioas = try context.ioas()
    let parent = try context.hwpt(device, on: ioas, .nestParent)
    try context.map(ioas, address, UInt64(byteCount), at: Self.memoryBase)
    try context.map(ioas, pages, UInt64(size), at: Self.tableBase)
    for level in 0..<Self.levels - 1 {
      // Present, writable, for users, accessed.
      let next = Self.tableBase + UInt64(level + 1) * 0x1000 | 0x27
      let index = EngineSpace.source >> UInt64(39 - 9 * level) & 511
      try context.bench.kernel.store(
        next.littleEndianBytes, pages + UInt64(level) * 0x1000 + index * 8)
    }
    let addressWidth: UInt32 = 48
    let flags: UInt64 = 0
    table = try context.hwpt(
      device, on: parent, faultQueue == 0 ? .pasid : [.pasid, .faultIDValid],
      data: VendorData(
        HWPTDataType.vtdStage1,
        flags.littleEndianBytes + Self.tableBase.littleEndianBytes
          + addressWidth.littleEndianBytes + UInt32(0).littleEndianBytes),
      fault: faultQueue)
  }

  /// Maps pages to an offset of the memory, or takes them away and says so.
  func set(_ address: UInt64, _ byteCount: Int, to offset: UInt64?) throws(LinuxErrno) {
    let pageCount = UInt64(byteCount / 0x1000)
    for page in 0..<pageCount {
      // Present, writable, for users, accessed, dirty.
      let entry = offset.map { Self.memoryBase + $0 + page * 0x1000 | 0x67 } ?? 0
      let index = (address >> 12 & 511) + page
      try context.bench.kernel.store(
        entry.littleEndianBytes, pages + UInt64(Self.levels - 1) * 0x1000 + index * 8)
    }
    let nothing: UInt64 = 0
    let request =
      address.littleEndianBytes + pageCount.littleEndianBytes + nothing.littleEndianBytes
    let answer = context.invalidate(
      table, type: InvalidateDataType.vtdStage1, entryLength: 24, count: 1, request)
    if let errno = answer.errno { throw errno }
  }
}
