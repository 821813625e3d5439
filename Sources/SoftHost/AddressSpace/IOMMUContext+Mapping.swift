import HostABI

extension IOMMUContext {
  /// `IOMMU_IOAS_ALLOC`.
  func allocateAddressSpace(_ call: Call) throws(LinuxErrno) {
    var argument = try load(IOASAllocArgument.self, call)
    guard argument.flags == 0 else { throw .EOPNOTSUPP }
    let ioas = try makeAddressSpace()
    argument.outID = ioas.id
    do { try store(argument, call) } catch {
      remove(ioas.id)
      throw error
    }
  }

  /// A fresh address space.
  func makeAddressSpace() throws(LinuxErrno) -> AddressSpace {
    try create { id in
      let ioas = AddressSpace(id: id, context: self)
      return (ioas, .ioas(ioas))
    }
  }

  /// `IOMMU_IOAS_ALLOW_IOVAS`.
  func allowIOVAs(_ call: Call) throws(LinuxErrno) {
    let argument = try load(AllowIOVAsArgument.self, call)
    guard argument.reserved == 0 else { throw .EOPNOTSUPP }
    let ioas = try ioas(argument.ioasID)
    var list = AllowList()
    for index in 0..<Int(argument.count) {
      let range = try call.memory.element(IOVARange.self, index, of: argument.ranges)
      try list.add(start: range.start, last: range.last)
    }
    try list.check(against: ioas.reserved)
    ioas.allowed = list
  }

  /// `IOMMU_IOAS_IOVA_RANGES`.
  func iovaRanges(_ call: Call) throws(LinuxErrno) {
    var argument = try load(IOVARangesArgument.self, call)
    guard argument.reserved == 0 else { throw .EOPNOTSUPP }
    let ioas = try ioas(argument.ioasID)
    let gaps = ioas.reserved.gaps
    let capacity = Int(argument.count)
    for (index, gap) in gaps.prefix(capacity).enumerated() {
      let range = IOVARange {
        $0.start = gap.lowerBound
        $0.last = gap.upperBound
      }
      try call.memory.store(range, index, of: argument.ranges)
    }
    argument.count = UInt32(gaps.count)
    argument.outAlignment = ioas.alignment
    try store(argument, call)
    if gaps.count > capacity { throw .EMSGSIZE }
  }

  /// The checks that MAP, MAP_FILE and COPY share.
  private func flags(
    _ raw: UInt32, reserved: UInt32 = 0, _ iova: UInt64, _ length: UInt64
  ) throws(LinuxErrno) -> MapFlags {
    let flags = MapFlags(rawValue: raw)
    guard flags.isSubset(of: .known), reserved == 0 else { throw .EOPNOTSUPP }
    if iova == .max || length == .max { throw .EOVERFLOW }
    if flags.isDisjoint(with: [.readable, .writeable]) { throw .EINVAL }
    return flags
  }

  /// `IOMMU_IOAS_MAP`.
  func map(_ call: Call) throws(LinuxErrno) {
    var argument = try load(IOASMapArgument.self, call)
    let flags = try flags(
      argument.flags, reserved: argument.reserved, argument.iova, argument.length)
    let ioas = try ioas(argument.ioasID)
    argument.iova = try map(
      argument.userAddress, argument.length, at: argument.iova, flags, in: ioas, by: call.caller)
    try store(argument, call)
  }

  /// Maps a program's memory.
  func map(
    _ address: UInt64, _ byteCount: UInt64, at iova: UInt64, _ flags: MapFlags,
    in ioas: AddressSpace, by caller: Caller
  ) throws(LinuxErrno) -> UInt64 {
    if address.addingReportingOverflow(byteCount).overflow { throw .EOVERFLOW }
    guard byteCount > 0, byteCount <= .max - Page.size else { throw .EINVAL }
    let pages = Pages(
      .user(caller.memory, address & ~Page.mask), pageOffset: address & Page.mask,
      byteCount: byteCount, isWritable: flags.contains(.writeable), charged: charge(caller))
    pages.counted = caller.pinned
    pages.mayBeRegion = isTypeOneContainer
    return try ioas.map(
      MapRequest(
        first: (pages, 0, byteCount), flags: flags, byteCount: byteCount, iova: iova))
  }

  /// Who pays for what a caller maps: nobody when it may lock without limit.
  private func charge(_ caller: Caller) -> Charge? {
    if caller.credentials.canLockMemory { return nil }
    return chargesProcess ? caller.charge : host.userCharge(of: caller)
  }

  /// `IOMMU_IOAS_MAP_FILE`.
  func mapFile(_ call: Call) throws(LinuxErrno) {
    var argument = try load(IOASMapFileArgument.self, call)
    let flags = try flags(argument.flags, argument.iova, argument.length)
    let ioas = try ioas(argument.ioasID)
    guard argument.length > 0 else { throw .EINVAL }
    if argument.start.addingReportingOverflow(argument.length - 1).overflow {
      throw .EOVERFLOW
    }
    let file = try call.caller.file(argument.descriptor)
    let pages = try pages(
      of: file, argument.start, argument.length, isWritable: flags.contains(.writeable),
      charged: charge(call.caller))
    pages.counted = call.caller.pinned
    argument.iova = try ioas.map(
      MapRequest(
        first: (pages, 0, argument.length), flags: flags, byteCount: argument.length,
        iova: argument.iova))
    try store(argument, call)
  }

  /// The pages of a file; those of one that has none cannot be held later.
  private func pages(
    of file: OpenFile, _ start: UInt64, _ byteCount: UInt64, isWritable: Bool, charged: Charge?
  ) throws(LinuxErrno) -> Pages {
    let source: Pages.Source
    switch file.kind {
    case .memory(let memory): source = .file(memory, start & ~Page.mask)
    case .buffer(let buffer):
      return try buffer.pages(from: start, byteCount: byteCount, isWritable: isWritable)
    default: source = .unusable(start & ~Page.mask)
    }
    guard byteCount <= .max - Page.size else { throw .EINVAL }
    return Pages(
      source, pageOffset: start & Page.mask, byteCount: byteCount, isWritable: isWritable,
      charged: charged)
  }

  /// `IOMMU_IOAS_COPY`.
  func copy(_ call: Call) throws(LinuxErrno) {
    var argument = try load(IOASCopyArgument.self, call)
    if host.mock != nil { convertMappingNumber(&argument) }
    let flags = MapFlags(rawValue: argument.flags)
    guard flags.isSubset(of: .known) else { throw .EOPNOTSUPP }
    for limit in [argument.length, argument.sourceIOVA, argument.destinationIOVA]
    where limit == .max { throw .EOVERFLOW }
    if flags.isDisjoint(with: [.readable, .writeable]) { throw .EINVAL }
    let source = try ioas(argument.sourceID)
    guard argument.length > 0 else { throw .EINVAL }
    let (last, wraps) = argument.sourceIOVA.addingReportingOverflow(argument.length - 1)
    if wraps { throw .EOVERFLOW }
    let pieces = try source.pieces(of: argument.sourceIOVA...last)
    let destination = try ioas(argument.destinationID)
    argument.destinationIOVA = try destination.map(
      MapRequest(
        first: pieces[0], others: pieces.dropFirst(), flags: flags, byteCount: argument.length,
        iova: argument.destinationIOVA))
    try store(argument, call)
  }

  /// `IOMMU_IOAS_UNMAP`.
  func unmap(_ call: Call) throws(LinuxErrno) {
    var argument = try load(IOASUnmapArgument.self, call)
    let ioas = try ioas(argument.ioasID)
    if argument.iova == 0, argument.length == .max {
      argument.length = try ioas.removeAll()
    } else {
      guard argument.iova != .max, argument.length != .max else { throw .EOVERFLOW }
      guard argument.length > 0 else { throw .EINVAL }
      let (last, wraps) = argument.iova.addingReportingOverflow(argument.length - 1)
      if wraps { throw .EOVERFLOW }
      argument.length = try ioas.remove(argument.iova...last)
      if argument.length == 0 { throw .ENOENT }
    }
    try store(argument, call)
  }

  /// `IOMMU_IOAS_CHANGE_PROCESS`: the caller pays for all pinned memory from now on.
  func changeProcess(_ call: Call) throws(LinuxErrno) {
    let argument = try load(ChangeProcessArgument.self, call)
    guard argument.reserved == 0 else { throw .EOPNOTSUPP }
    var all: [ObjectIdentifier: Pages] = [:]
    for case .ioas(let ioas) in slots {
      try ioas.forEachArea { area throws(LinuxErrno) in
        guard area.pages.isFile else { throw .EINVAL }
        all[ObjectIdentifier(area.pages)] = area.pages
      }
    }
    let payer = charge(call.caller)
    // All or nothing: the new payer is asked for everything before anything is given back.
    let total = all.values.filter { $0.charged !== payer }.reduce(0) { $0 + $1.pinnedPageCount }
    try payer?.add(total)
    for pages in all.values where pages.charged !== payer {
      pages.charged?.remove(pages.pinnedPageCount)
      pages.charged = payer
    }
    for pages in all.values where pages.counted !== call.caller.pinned {
      pages.counted?.pageCount -= pages.pinnedPageCount
      pages.counted = call.caller.pinned
      call.caller.pinned.pageCount += pages.pinnedPageCount
    }
  }
}
