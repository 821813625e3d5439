/// One mapping of an address space: a range of I/O addresses over part of some pages.
struct Area {
  let start: UInt64
  let last: UInt64
  let pages: Pages
  /// Where in the pages the area's first byte stands.
  let offset: UInt64
  let isReadable: Bool
  let isWritable: Bool
  /// The pages, held while any page table shows the area.
  var pin: Pages.Pin?
  /// Hardware queues that lie in the area and forbid that it goes.
  var queues: UInt32 = 0
  /// Times that a user of the address space holds pages of the area.
  var holds: UInt32 = 0

  var byteCount: UInt64 { last - start + 1 }

  /// Lets the pages go, if they are held; the pin must not be used after.
  func unpin() {
    if let pin { pages.unpin(pin, from: offset, byteCount: byteCount) }
  }

  /// Calls `body` with each run of bytes that lie one after the other in host memory.
  ///
  /// The arguments are the run's first I/O address, the host address and the size in bytes. The
  /// area's pages must be held.
  func forEachRun(_ body: (UInt64, UInt64, UInt64) -> Void) {
    guard let pin else { return }
    let held = pages.held(by: pin)
    // Bytes between the pin's first page and the area's first byte.
    var skip = pages.pageOffset + offset - UInt64(held.firstPage) << 12
    var iova = start
    var left = byteCount
    func show(_ extent: PinnedPages.Extent) {
      let size = UInt64(extent.pageCount) << 12
      guard skip < size else {
        skip -= size
        return
      }
      let count = min(size - skip, left)
      body(iova, extent.address + skip, count)
      iova &+= count
      left -= count
      skip = 0
    }
    show(held.pages.first)
    for extent in held.pages.others where left > 0 { show(extent) }
  }

  /// The largest pages that the memory consists of, in bytes; the area's pages must be held.
  var largestPage: UInt64 { pin.map { pages.held(by: $0).pages.largestPage } ?? Page.size }

  /// The host address of one byte of the area, whose pages must be held.
  func hostAddress(of iova: UInt64) -> UInt64? {
    var result: UInt64?
    forEachRun { start, address, count in
      if iova >= start, iova - start < count { result = address + (iova - start) }
    }
    return result
  }
}
