import HostABI

/// Pages of a range of mappings, held by a user that needs no page table.
final class HeldPages {
  let space: AddressSpace
  let range: ClosedRange<UInt64>
  /// Whether the mappings must stay, so that UNMAP is refused.
  let isLocked: Bool
  /// The parts of mappings in order, each with its pin.
  fileprivate(set) var parts: [Area] = []

  fileprivate init(_ space: AddressSpace, _ range: ClosedRange<UInt64>, isLocked: Bool) {
    self.space = space
    self.range = range
    self.isLocked = isLocked
  }

  /// The host addresses of the pages in order.
  var pageAddresses: [UInt64] {
    var addresses: [UInt64] = []
    for part in parts {
      part.forEachRun { _, address, byteCount in
        addresses += stride(from: address & ~Page.mask, to: address + byteCount, by: Int(Page.size))
      }
    }
    return addresses
  }
}

extension AddressSpace {
  /// Holds the pages of a range, which must begin and go on at borders of pages.
  ///
  /// - Parameters:
  ///   - range: The I/O addresses.
  ///   - writing: Whether the user writes to the pages.
  ///   - locking: Whether UNMAP is refused as long as they are held.
  /// - Returns: What ``release(_:)`` takes.
  /// - Throws: From low to high: `ENOENT` where nothing is mapped, `EINVAL` for a mapping that does
  ///   not begin or end with a page, `EPERM` where the mapping does not allow it, `EINVAL` for
  ///   pages that only devices can have, and what pinning throws. Nothing is held then.
  func hold(
    _ range: ClosedRange<UInt64>, writing: Bool, locking: Bool
  ) throws(LinuxErrno) -> HeldPages {
    let held = HeldPages(self, range, isLocked: locking)
    do {
      var at = range.lowerBound
      while true {
        let area = try holdable(at, until: range.upperBound, writing: writing)
        let last = min(area.last, range.upperBound)
        var part = area.part(at...last)
        part.pin = try area.pages.pin(from: part.offset, byteCount: part.byteCount)
        held.parts.append(part)
        update(at) {
          $0.holds += 1
          $0.queues += locking ? 1 : 0
        }
        if last == range.upperBound { return held }
        at = last + 1
      }
    } catch {
      release(held)
      throw error
    }
  }

  private func holdable(
    _ at: UInt64, until last: UInt64, writing: Bool
  ) throws(LinuxErrno) -> Area {
    guard let area = area(at: at) else { throw .ENOENT }
    guard area.sourceOffset(of: at) & Page.mask == 0,
      area.last >= last || area.sourceOffset(of: area.last) & Page.mask == Page.mask
    else { throw .EINVAL }
    try area.checkAccess(writing: writing)
    return area
  }

  /// Lets held pages go; what was released before stays so.
  func release(_ held: HeldPages) {
    for part in held.parts {
      update(part.start) {
        $0.holds -= 1
        $0.queues -= held.isLocked ? 1 : 0
      }
      part.unpin()
    }
    held.parts = []
  }
}

extension Area {
  /// Part of the mapping, not held.
  func part(_ range: ClosedRange<UInt64>) -> Area {
    Area(
      start: range.lowerBound, last: range.upperBound, pages: pages,
      offset: offset + (range.lowerBound - start), isReadable: isReadable, isWritable: isWritable)
  }

  /// Where an address lies from the start of the pages' first page, in bytes.
  func sourceOffset(of iova: UInt64) -> UInt64 { pages.pageOffset + offset + (iova - start) }

  /// Whether a user without page table may read or write the pages.
  ///
  /// - Throws: `EPERM` where the mapping, or with writing the first mapping of the pages, does not
  ///   allow it; `EINVAL` for pages that only devices can have.
  func checkAccess(writing: Bool) throws(LinuxErrno) {
    guard writing ? isWritable && pages.isWritable : isReadable else { throw .EPERM }
    if pages.isForDevicesOnly { throw .EINVAL }
  }
}
