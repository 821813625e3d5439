public import HostABI

/// What `IOMMU_IOAS_MAP` looks for when the caller leaves the address to the kernel.
public struct AutomaticPlacement: Hashable, Sendable {
  /// The page size that the host's rules count in.
  @inlinable public static var pageSize: UInt64 { 4096 }

  /// How many addresses are wanted; at least 1 and below 2^63 - 1.
  public let length: UInt64
  /// What the address is aligned to before the offset is added: a power of two.
  public let alignment: UInt64
  /// The memory's offset in its page, which the address repeats.
  public let pageOffset: UInt64

  /// Derives what is looked for from the memory that is to be mapped.
  ///
  /// - Parameters:
  ///   - length: How many bytes.
  ///   - address: Where the memory starts: the caller's address, or the offset in a file.
  ///   - largestPage: The alignment that is never exceeded: the size of a huge page, or of a page
  ///     where the host has no transparent huge pages. A power of two.
  /// - Throws: `EOVERFLOW` when the length is 0, or 2^63 - 1 or more.
  public init(length: UInt64, address: UInt64, largestPage: UInt64 = 2 << 20) throws(LinuxErrno) {
    guard length > 0, length < .max / 2 else { throw .EOVERFLOW }
    precondition(largestPage.nonzeroBitCount == 1, "a page's size is a power of two")
    // The lowest power of two that is the length or more; the length has a leading zero bit to give.
    var alignment: UInt64 = length == 1 ? 1 : 1 << (64 - (length - 1).leadingZeroBitCount)
    if address != 0 { alignment = min(alignment, 1 << address.trailingZeroBitCount) }
    self.length = length
    self.alignment = min(alignment, largestPage)
    pageOffset = address % Self.pageSize
  }

  /// The one place in a hole that is considered, if the length fits there.
  ///
  /// The place must lie below the hole's last address even for one byte: Linux says so.
  @inlinable
  func place(inHole start: UInt64, _ last: UInt64) -> UInt64? {
    guard last &- start >= length &- 1 else { return nil }
    let (end, overflows) = start.addingReportingOverflow(alignment &- 1)
    let place = end & ~(alignment &- 1) | pageOffset
    guard !overflows, place < last, last &- place >= length &- 1 else { return nil }
    return place
  }
}
