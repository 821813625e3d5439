import HostABI

extension AddressSpace {
  /// Splits the mapping that goes on behind an address into two.
  ///
  /// Nothing happens where a mapping ends, or where none is.
  ///
  /// - Throws: `EINVAL` for a mapping whose pages a user without page table holds.
  func cut(behind address: UInt64) throws(LinuxErrno) {
    guard address < .max, let area = area(at: address), area.last > address else { return }
    guard area.holds == 0 else { throw .EINVAL }
    let low = Area(
      start: area.start, last: address, pages: area.pages, offset: area.offset,
      isReadable: area.isReadable, isWritable: area.isWritable)
    let high = Area(
      start: address + 1, last: area.last, pages: area.pages,
      offset: area.offset + (address + 1 - area.start), isReadable: area.isReadable,
      isWritable: area.isWritable)
    replace(area, with: [low, high])
  }

  /// Page sizes of all page tables, as bits; all from 4 KiB on when there is none.
  var pageSizes: UInt64 {
    tables.reduce(UInt64.max) { $0 & $1.domain.pageSizes } & ~(Page.size - 1)
  }
}
