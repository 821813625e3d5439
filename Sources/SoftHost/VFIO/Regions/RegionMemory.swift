/// Bytes of a region, zero until written; only pages that were written take up memory.
struct RegionMemory: Sendable {
  private static let pageSize: UInt64 = 4096
  private var pages: [UInt64: [UInt8]] = [:]

  /// Reads little-endian; an access that is naturally aligned stays in one page.
  func read(_ byteCount: Int, at offset: UInt64) -> UInt64 {
    guard let page = pages[offset / Self.pageSize] else { return 0 }
    let start = Int(offset % Self.pageSize)
    var value: UInt64 = 0
    for index in 0..<byteCount { value |= UInt64(page[start + index]) << UInt64(8 * index) }
    return value
  }

  /// Writes little-endian.
  mutating func write(_ value: UInt64, _ byteCount: Int, at offset: UInt64) {
    let key = offset / Self.pageSize
    if pages[key] == nil {
      // Zeros over zeros need no page.
      if value == 0 { return }
      pages[key] = Array(repeating: 0, count: Int(Self.pageSize))
    }
    let start = Int(offset % Self.pageSize)
    for index in 0..<byteCount {
      pages[key]?[start + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
  }

  /// All zero again.
  mutating func reset() { pages = [:] }
}
