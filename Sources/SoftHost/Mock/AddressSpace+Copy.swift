import HostABI
import IOMMU

/// Copies between bytes and mapped pages, as users without a page table make them.
extension AddressSpace {
  /// Reads mapped bytes.
  ///
  /// - Parameters:
  ///   - range: The I/O addresses.
  ///   - own: The memory of the program for which it is done: its pages are reached by its own
  ///     addresses, others are held and reached where they are.
  /// - Returns: The bytes.
  /// - Throws: From low to high: `ENOENT` where nothing is mapped, `EPERM`, `EFAULT`.
  func read(
    _ range: ClosedRange<UInt64>, through own: (any CallerMemory)?
  ) throws(LinuxErrno) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(range.upperBound - range.lowerBound) + 1)
    try forEachPart(of: range, writing: false) { part throws(LinuxErrno) in
      if let place = part.place(in: own) {
        bytes += try place.memory.load(Int(part.byteCount), at: place.address)
        return
      }
      try part.holding(writing: false) { address, count throws(LinuxErrno) in
        let address = HostAddress(rawValue: address)
        guard address.isDirect else {
          bytes += try part.elsewhere().load(count, at: address.address)
          return
        }
        var run = [UInt8](repeating: 0, count: count)
        var span = run.mutableSpan
        HostMemory.copy(count, from: address.address, to: &span, at: 0)
        bytes += run
      }
    }
    return bytes
  }

  /// Writes to mapped bytes; what was written before an error stays written.
  ///
  /// The parameters and errors are those of ``read(_:through:)``.
  func write(
    _ bytes: [UInt8], to range: ClosedRange<UInt64>, through own: (any CallerMemory)?
  ) throws(LinuxErrno) {
    var done = 0
    try forEachPart(of: range, writing: true) { part throws(LinuxErrno) in
      if let place = part.place(in: own) {
        let count = Int(part.byteCount)
        try place.memory.store([UInt8](bytes[done..<done + count]), at: place.address)
        done += count
        return
      }
      try part.holding(writing: true) { address, count throws(LinuxErrno) in
        let address = HostAddress(rawValue: address)
        if address.isDirect {
          HostMemory.copy(count, from: bytes.span, at: done, to: address.address)
        } else {
          try part.elsewhere().store([UInt8](bytes[done..<done + count]), at: address.address)
        }
        done += count
      }
    }
  }

  private func forEachPart(
    of range: ClosedRange<UInt64>, writing: Bool, _ body: (Area) throws(LinuxErrno) -> Void
  ) throws(LinuxErrno) {
    var at = range.lowerBound
    while true {
      guard let area = area(at: at) else { throw .ENOENT }
      try area.checkAccess(writing: writing)
      let last = min(area.last, range.upperBound)
      try body(area.part(at...last))
      if last == range.upperBound { return }
      at = last + 1
    }
  }
}

extension Area {
  /// Where the mapping's first byte is in a program's memory, if it is that program's.
  fileprivate func place(
    in own: (any CallerMemory)?
  ) -> (memory: any CallerMemory, address: UInt64)? {
    guard let own, case .user(let memory, let page) = pages.source, memory === own else {
      return nil
    }
    return (memory, page &+ sourceOffset(of: start))
  }

  /// The memory of another process whose pages are not mapped here.
  fileprivate func elsewhere() throws(LinuxErrno) -> any CallerMemory {
    guard case .user(let memory, _) = pages.source else { throw .EFAULT }
    return memory
  }

  /// Calls `body` with each run of host memory, and holds the pages meanwhile.
  fileprivate func holding(
    writing: Bool, _ body: (UInt64, Int) throws(LinuxErrno) -> Void
  ) throws(LinuxErrno) {
    let first = sourceOffset(of: start)
    // A program that ended leaves what is held already.
    if case .user(let memory, let page) = pages.source, first >> 12 == sourceOffset(of: last) >> 12,
      !memory.isGone
    {
      // Linux asks for one page by its address, and may write only if it is about to.
      let pinned = try memory.pin(
        page &+ (first & ~Page.mask), pageCount: 1, writable: writing)
      guard let extent = pinned.extents.first else { throw .EFAULT }
      return try body(extent.address + (first & Page.mask), Int(byteCount))
    }
    var held = self
    held.pin = try pages.pin(from: offset, byteCount: byteCount)
    defer { held.unpin() }
    var failure: LinuxErrno?
    held.forEachRun { _, address, count in
      guard failure == nil else { return }
      do throws(LinuxErrno) { try body(address, Int(count)) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
