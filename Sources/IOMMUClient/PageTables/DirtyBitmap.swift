public import Hardware

/// Which pages devices have written.
public struct DirtyBitmap: Hashable, Sendable {
  /// The addresses that were asked about.
  public let range: ClosedRange<IOVA>
  /// Bytes that one bit stands for.
  public let pageSize: UInt64
  /// The bits, the lowest one first; bit n stands for the page that starts n pages into the range.
  public let bytes: [UInt8]

  /// Pages in the range.
  public var pageCount: Int {
    Int(clamping: (range.upperBound.rawValue - range.lowerBound.rawValue) / pageSize + 1)
  }

  /// How many pages were written.
  public var dirtyCount: Int { bytes.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// Whether the page at an address was written.
  ///
  /// - Parameter address: Any address; one outside the range was not.
  /// - Returns: `true` when it was.
  public func contains(_ address: IOVA) -> Bool {
    guard range.contains(address) else { return false }
    return isSet(Int((address.rawValue - range.lowerBound.rawValue) / pageSize))
  }

  /// Calls `body` with each run of written pages, ascending.
  ///
  /// - Parameter body: Gets the addresses, both ends included.
  public func forEachRun(_ body: (ClosedRange<IOVA>) -> Void) {
    var at = 0
    while at < pageCount {
      guard isSet(at) else {
        // Most bytes are zero, and are passed over whole.
        at += at & 7 == 0 && bytes[at / 8] == 0 ? 8 : 1
        continue
      }
      let first = at
      while at < pageCount, isSet(at) { at += 1 }
      let start = range.lowerBound.rawValue + UInt64(first) * pageSize
      body(IOVA(start)...IOVA(start + (UInt64(at - first) * pageSize - 1)))
    }
  }

  private func isSet(_ page: Int) -> Bool {
    page / 8 < bytes.count && bytes[page / 8] >> (page & 7) & 1 == 1
  }
}
