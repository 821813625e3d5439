import HostABI

/// What a MAP, MAP_FILE or COPY request asks for, after its own checks.
struct MapRequest {
  /// Part of some pages: where in them the first byte is, and how many bytes.
  typealias Piece = (pages: Pages, offset: UInt64, byteCount: UInt64)

  /// What is mapped at the lowest I/O addresses.
  let first: Piece
  /// What follows, in the order of I/O addresses.
  var others: ArraySlice<Piece> = []
  let flags: MapFlags
  let byteCount: UInt64
  /// The address that the caller wants, with ``MapFlags/fixedIOVA``.
  let iova: UInt64
}

extension AddressSpace {
  /// Maps pages where the caller says, or where they fit.
  ///
  /// - Returns: The first I/O address.
  /// - Throws: What the sheet's order of checks gives; nothing is mapped then.
  func map(_ request: MapRequest) throws(LinuxErrno) -> UInt64 {
    guard request.byteCount & (alignment - 1) == 0 else { throw .EINVAL }
    let start = try request.flags.contains(.fixedIOVA) ? checked(request) : place(request)
    try insert(request, at: start)
    return start
  }

  /// The rules for an address of the caller's choosing.
  private func checked(_ request: MapRequest) throws(LinuxErrno) -> UInt64 {
    guard request.iova & (alignment - 1) == 0 else { throw .EINVAL }
    let (last, wraps) = request.iova.addingReportingOverflow(request.byteCount - 1)
    if wraps { throw .EOVERFLOW }
    if reserved.overlaps(request.iova...last) { throw .EINVAL }
    // One piece finds out when it is put into the list.
    if !request.others.isEmpty, map.overlaps(request.iova...last) { throw .EEXIST }
    return request.iova
  }

  /// The kernel's automatic placement: first fit from the bottom.
  private func place(_ request: MapRequest) throws(LinuxErrno) -> UInt64 {
    let first = request.first
    // Placement asks for 2 MiB even where large pages are off; only a kernel without transparent
    // huge pages stops at a page.
    let wanted = try AutomaticPlacement(
      length: request.byteCount, address: first.pages.address &+ first.offset)
    guard wanted.alignment >= alignment else { throw .EINVAL }
    guard let start = map.firstFit(wanted, allowed: allowed, avoiding: reserved) else {
      throw .ENOSPC
    }
    return start
  }

  /// Adds one mapping a piece.
  private func insert(_ request: MapRequest, at start: UInt64) throws(LinuxErrno) {
    var at = start
    do throws(LinuxErrno) {
      try insert(area(request.first, request.flags, at))
      at &+= request.first.byteCount
      for piece in request.others {
        try insert(area(piece, request.flags, at))
        at &+= piece.byteCount
      }
    } catch {
      while at > start, let area = area(at: at - 1), area.start >= start {
        remove(area.start)
        at = area.start
      }
      throw error
    }
  }

  private func area(_ piece: MapRequest.Piece, _ flags: MapFlags, _ start: UInt64) -> Area {
    Area(
      start: start, last: start + (piece.byteCount - 1), pages: piece.pages, offset: piece.offset,
      isReadable: flags.contains(.readable), isWritable: flags.contains(.writeable))
  }

  /// The pages under a range, for COPY; at least one piece.
  ///
  /// The header wants a range that is exactly that of a mapping; Linux 7.2 takes any without a gap.
  ///
  /// - Throws: `ENOENT` when mappings don't cover the range without a gap.
  func pieces(
    of range: ClosedRange<UInt64>
  ) throws(LinuxErrno) -> [MapRequest.Piece] {
    var pieces: [MapRequest.Piece] = []
    var at = range.lowerBound
    while true {
      guard let area = area(at: at) else { throw .ENOENT }
      let end = min(area.last, range.upperBound)
      pieces.append((area.pages, area.offset + (at - area.start), end - at + 1))
      if end == range.upperBound { return pieces }
      at = end + 1
    }
  }
}
