import HostABI
public import Hardware

/// Which I/O virtual addresses can be used.
public struct UsableAddresses: Hashable, Sendable {
  /// The ranges, ascending.
  public let ranges: [ClosedRange<IOVA>]
  /// What addresses and sizes of mappings have to be a multiple of, in bytes.
  public let alignment: UInt64

  /// Whether a range lies in one of the usable ones.
  ///
  /// - Parameter range: The addresses, both ends included.
  /// - Returns: `true` when all of them can be used.
  public func contains(_ range: ClosedRange<IOVA>) -> Bool {
    ranges.contains { $0.lowerBound <= range.lowerBound && range.upperBound <= $0.upperBound }
  }
}

extension IOAddressSpace {
  /// Which addresses can be used now (`IOMMU_IOAS_IOVA_RANGES`).
  ///
  /// Attaching a device takes the addresses away that it reserves, such as those of its interrupts,
  /// and making a page table takes those away that it cannot reach.
  ///
  /// - Returns: The ranges, and the alignment of mappings.
  /// - Throws: ``IOMMUError``.
  public func usableAddresses() throws(IOMMUError) -> UsableAddresses {
    var capacity = ScratchPool.blockSize / IOVARange.byteCount
    // Devices may come and go in between, so the number of ranges may change; it cannot do so for
    // ever.
    for _ in 0..<8 {
      var total = 0
      if let answer = try usableAddresses(upTo: capacity, &total) { return answer }
      capacity = total
    }
    throw IOMMUError(
      .iommufd(.ioasIOVARanges), unexpected: "a number of ranges that keeps growing", [object.name])
  }

  /// Asks once; `nil`, and how many there are, when there are more.
  private func usableAddresses(
    upTo capacity: Int, _ total: inout Int
  ) throws(IOMMUError) -> UsableAddresses? {
    var count = 0
    let answer = try context.scratch.with(capacity * IOVARange.byteCount) {
      (scratch) throws(IOMMUError) -> UsableAddresses? in
      var argument = IOVARangesArgument()
      argument.ioasID = id
      argument.count = UInt32(clamping: capacity)
      argument.ranges = scratch.address
      do throws(IOMMUError) {
        try context.perform(.ioasIOVARanges, &argument, about: [object.name])
      } catch {
        count = Int(argument.count)
        guard error.errno == .EMSGSIZE, count > capacity else { throw error }
        return nil
      }
      let bytes = try scratch.load(Int(argument.count) * IOVARange.byteCount)
      var ranges: [ClosedRange<IOVA>] = []
      ranges.reserveCapacity(bytes.count / IOVARange.byteCount)
      for at in stride(from: 0, to: bytes.count, by: IOVARange.byteCount) {
        let start = IOVA(bytes.little(UInt64.self, at: at))
        let last = IOVA(bytes.little(UInt64.self, at: at + 8))
        if start <= last { ranges.append(start...last) }
      }
      return UsableAddresses(ranges: ranges, alignment: argument.outAlignment)
    }
    total = count
    return answer
  }

  /// Restricts where the kernel places mappings whose address it chooses
  /// (`IOMMU_IOAS_ALLOW_IOVAS`), and keeps the kernel from ever reserving addresses there.
  ///
  /// - Parameter ranges: All that are allowed from now on, none of a single byte; an empty list
  ///   lifts the restriction.
  /// - Throws: ``IOMMUError`` with `EADDRINUSE` when a device reserves one of the addresses; the
  ///   list before then stays.
  public func allow(_ ranges: [ClosedRange<IOVA>]) throws(IOMMUError) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(ranges.count * IOVARange.byteCount)
    for range in ranges {
      bytes.append(little: range.lowerBound.rawValue)
      bytes.append(little: range.upperBound.rawValue)
    }
    try context.scratch.with(bytes.count) { (scratch) throws(IOMMUError) in
      try scratch.store(bytes)
      var argument = AllowIOVAsArgument()
      argument.ioasID = id
      argument.count = UInt32(clamping: ranges.count)
      argument.ranges = scratch.address
      try context.perform(.ioasAllowIOVAs, &argument, about: [object.name])
    }
  }

  /// Whether the IOMMU may use entries larger than a page (`IOMMU_OPTION_HUGE_PAGES`).
  ///
  /// - Returns: `true` unless it was switched off.
  /// - Throws: ``IOMMUError``.
  public func usesLargePages() throws(IOMMUError) -> Bool {
    try context.option(.hugePages, of: id, [object.name]) != 0
  }

  /// Allows or forbids entries larger than a page.
  ///
  /// - Parameter isAllowed: Whether they may be used.
  /// - Throws: ``IOMMUError`` when mappings or page tables are in the way.
  public func setLargePages(_ isAllowed: Bool) throws(IOMMUError) {
    try context.setOption(.hugePages, of: id, to: isAllowed ? 1 : 0, [object.name])
  }
}
