import HostABI

/// An I/O address space as a plain dictionary: what the rules say, in the order they say it.
struct SpaceModel {
  /// A mapping, by its first address.
  struct Area {
    let byteCount: UInt64
    /// Where in the program its first byte is.
    let memory: UInt64
    /// What devices may do.
    let isWritable: Bool
    /// Whether the pages were mapped for writing in the first place, which copies inherit.
    let hasWritablePages: Bool
  }

  private(set) var areas: [UInt64: Area] = [:]
  let alignment: UInt64
  /// What no mapping may touch.
  let reserved: [ClosedRange<UInt64>]
  private var allowed: [ClosedRange<UInt64>] = []

  init(alignment: UInt64, reserved: [ClosedRange<UInt64>]) {
    self.alignment = alignment
    self.reserved = reserved
  }

  /// Mappings in order.
  var sorted: [(key: UInt64, value: Area)] { areas.sorted { $0.key < $1.key } }

  func area(over address: UInt64) -> (start: UInt64, area: Area)? {
    areas.first { $0.key <= address && address - $0.key < $0.value.byteCount }
      .map { ($0.key, $0.value) }
  }

  // MARK: Placement

  private func isUsed(_ range: ClosedRange<UInt64>) -> Bool {
    areas.contains { range.overlaps($0.key...$0.key + ($0.value.byteCount - 1)) }
  }

  /// Where a mapping goes.
  private func place(
    _ byteCount: UInt64, at iova: UInt64?, memory: UInt64
  ) throws(LinuxErrno) -> UInt64 {
    guard byteCount % alignment == 0 else { throw .EINVAL }
    if let iova {
      guard iova % alignment == 0 else { throw .EINVAL }
      let (last, wraps) = iova.addingReportingOverflow(byteCount - 1)
      if wraps { throw .EOVERFLOW }
      if reserved.contains(where: { $0.overlaps(iova...last) }) { throw .EINVAL }
      if isUsed(iova...last) { throw .EEXIST }
      return iova
    }
    guard byteCount < .max / 2 else { throw .EOVERFLOW }
    var want: UInt64 = 1
    while want < byteCount { want <<= 1 }
    if memory != 0 { want = min(want, memory & (0 &- memory)) }
    want = min(want, 1 << 21)
    guard want >= alignment else { throw .EINVAL }
    let all: ClosedRange<UInt64> = 4096...(.max - 4096)
    for window in allowed.isEmpty ? [all] : allowed where window.overlaps(all) {
      let window = window.clamped(to: all)
      for gap in gaps(in: window) {
        let (raised, wraps) = gap.lowerBound.addingReportingOverflow(want - 1)
        if wraps { continue }
        let start = raised & ~(want - 1) | memory & 4095
        if start < gap.upperBound, gap.upperBound - start >= byteCount - 1 { return start }
      }
    }
    throw .ENOSPC
  }

  /// What is neither mapped nor reserved of a window.
  private func gaps(in window: ClosedRange<UInt64>) -> [ClosedRange<UInt64>] {
    let used = reserved + areas.map { $0.key...$0.key + ($0.value.byteCount - 1) }
    var gaps: [ClosedRange<UInt64>] = []
    var at = window.lowerBound
    for range in used.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.upperBound < at { continue }
      if range.lowerBound > window.upperBound { break }
      if range.lowerBound > at { gaps.append(at...range.lowerBound - 1) }
      if range.upperBound >= window.upperBound { return gaps }
      at = range.upperBound + 1
    }
    gaps.append(at...window.upperBound)
    return gaps
  }

  // MARK: Requests

  mutating func map(
    _ memory: UInt64, _ byteCount: UInt64, at iova: UInt64?, _ flags: MapFlags
  ) throws(LinuxErrno) -> UInt64 {
    if iova == .max || byteCount == .max { throw .EOVERFLOW }
    if flags.isDisjoint(with: [.readable, .writeable]) { throw .EINVAL }
    if memory.addingReportingOverflow(byteCount).overflow { throw .EOVERFLOW }
    guard byteCount > 0 else { throw .EINVAL }
    let start = try place(byteCount, at: iova, memory: memory)
    if memory % 4096 % alignment != 0 { throw .EINVAL }
    areas[start] = Area(
      byteCount: byteCount, memory: memory, isWritable: flags.contains(.writeable),
      hasWritablePages: flags.contains(.writeable))
    return start
  }

  /// The parts of mappings that lie in a range without a gap.
  func pieces(_ start: UInt64, _ byteCount: UInt64) throws(LinuxErrno) -> [Area] {
    guard byteCount > 0 else { throw .EINVAL }
    let (last, wraps) = start.addingReportingOverflow(byteCount - 1)
    if wraps { throw .EOVERFLOW }
    var pieces: [Area] = []
    var at = start
    while true {
      guard let (first, area) = area(over: at) else { throw .ENOENT }
      let end = min(last, first + (area.byteCount - 1))
      pieces.append(
        Area(
          byteCount: end - at + 1, memory: area.memory + (at - first),
          isWritable: area.isWritable, hasWritablePages: area.hasWritablePages))
      if end == last { return pieces }
      at = end + 1
    }
  }

  /// Copies parts of mappings, of this or of another space.
  mutating func copy(
    _ pieces: [Area], at iova: UInt64?, _ flags: MapFlags
  ) throws(LinuxErrno) -> UInt64 {
    let byteCount = pieces.reduce(0) { $0 + $1.byteCount }
    let start = try place(byteCount, at: iova, memory: pieces[0].memory)
    if flags.contains(.writeable), pieces.contains(where: { !$0.hasWritablePages }) { throw .EPERM }
    var at = start
    for piece in pieces {
      areas[at] = Area(
        byteCount: piece.byteCount, memory: piece.memory, isWritable: flags.contains(.writeable),
        hasWritablePages: piece.hasWritablePages)
      at &+= piece.byteCount
    }
    return start
  }

  mutating func unmap(_ start: UInt64, _ byteCount: UInt64) throws(LinuxErrno) -> UInt64 {
    if start == 0, byteCount == .max {
      defer { areas = [:] }
      return areas.reduce(0) { $0 + $1.value.byteCount }
    }
    if start == .max || byteCount == .max { throw .EOVERFLOW }
    guard byteCount > 0 else { throw .EINVAL }
    let (last, wraps) = start.addingReportingOverflow(byteCount - 1)
    if wraps { throw .EOVERFLOW }
    var removed: UInt64 = 0
    for (first, area) in sorted where (first...first + (area.byteCount - 1)).overlaps(start...last)
    {
      guard first >= start, first + (area.byteCount - 1) <= last else { throw .ENOENT }
      areas[first] = nil
      removed += area.byteCount
    }
    guard removed > 0 else { throw .ENOENT }
    return removed
  }

  mutating func allow(_ list: [(UInt64, UInt64)]) throws(LinuxErrno) {
    var ranges: [ClosedRange<UInt64>] = []
    for (start, last) in list {
      guard start < last, !ranges.contains(where: { $0.overlaps(start...last) }) else {
        throw .EINVAL
      }
      ranges.append(start...last)
    }
    if ranges.contains(where: { range in reserved.contains { $0.overlaps(range) } }) {
      throw .EADDRINUSE
    }
    // Ranges that touch are as one.
    allowed = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = allowed.last, last.upperBound == range.lowerBound - 1 {
        allowed[allowed.count - 1] = last.lowerBound...range.upperBound
      } else {
        allowed.append(range)
      }
    }
  }

  /// What `IOMMU_IOAS_IOVA_RANGES` tells.
  var ranges: [ClosedRange<UInt64>] {
    SpaceModel(alignment: 1, reserved: reserved).gaps(in: 0 ... .max)
  }
}
