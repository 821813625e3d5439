import HostABI

/// Requests of a VFIO container that an iommufd context answers (facts, 2.22).
extension IOMMUContext {
  func containerRequest(
    _ request: UInt32, _ address: UInt64, by caller: Caller
  ) throws(LinuxErrno) -> Int32 {
    switch VFIOContainerRequest(rawValue: request) {
    case .getAPIVersion: return 0
    case .checkExtension: return try checkExtension(address)
    case .setIOMMU: try setIOMMU(address)
    case .getInfo: try containerInfo(address, caller.memory)
    case .mapDMA: try containerMap(address, by: caller)
    case .unmapDMA: try containerUnmap(address, caller.memory)
    case nil: throw .ENOTTY
    }
    return 0
  }

  private func checkExtension(_ type: UInt64) throws(LinuxErrno) -> Int32 {
    switch type {
    // Type 1, type 1 version 2, and unmapping all at once.
    case 1, 3, 9: return 1
    case 4:
      guard let compatible else { throw .ENODEV }
      return compatible.tables.allSatisfy(\.enforcesCoherency) ? 1 : 0
    default: return 0
    }
  }

  private func setIOMMU(_ type: UInt64) throws(LinuxErrno) {
    guard type == 1 || type == 3 else { throw .EINVAL }
    guard let compatible else { throw .ENODEV }
    // Version 1 promises that any part of a mapping can be unmapped.
    if type == 1 { try compatible.setHugePages(0) }
  }

  private func containerMap(_ address: UInt64, by caller: Caller) throws(LinuxErrno) {
    let argument = try caller.memory.load(ContainerMapArgument.self, at: address)
    guard argument.argumentSize >= UInt32(ContainerMapArgument.byteCount),
      argument.flags & ~3 == 0
    else { throw .EINVAL }
    guard let compatible else { throw .ENODEV }
    var flags: MapFlags = .fixedIOVA
    if argument.flags & 1 != 0 { flags.insert(.readable) }
    if argument.flags & 2 != 0 { flags.insert(.writeable) }
    _ = try map(
      argument.userAddress, argument.byteCount, at: argument.iova, flags, in: compatible,
      by: caller)
  }

  private func containerUnmap(
    _ address: UInt64, _ memory: any CallerMemory
  ) throws(LinuxErrno) {
    var argument = try memory.load(ContainerUnmapArgument.self, at: address)
    guard argument.argumentSize >= UInt32(ContainerUnmapArgument.byteCount),
      argument.flags & ~2 == 0
    else { throw .EINVAL }
    guard let compatible else { throw .ENODEV }
    let outcome: LinuxErrno?
    do {
      argument.byteCount = try unmap(argument, in: compatible)
      outcome = nil
    } catch {
      guard argument.flags & 2 == 0 || error != .EINVAL else { throw error }
      argument.byteCount = 0
      outcome = error
    }
    try memory.store(argument, at: address)
    if let outcome { throw outcome }
  }

  private func unmap(
    _ argument: ContainerUnmapArgument, in ioas: AddressSpace
  ) throws(LinuxErrno) -> UInt64 {
    if argument.flags & 2 != 0 {
      guard argument.iova == 0, argument.byteCount == 0 else { throw .EINVAL }
      return try ioas.removeAll()
    }
    if !ioas.usesHugePages {
      try ioas.cut(behind: argument.iova &+ argument.byteCount &- 1)
      if argument.iova > 0 { try ioas.cut(behind: argument.iova - 1) }
    }
    guard argument.byteCount > 0 else { throw .EINVAL }
    let (last, wraps) = argument.iova.addingReportingOverflow(argument.byteCount - 1)
    if wraps { throw .EOVERFLOW }
    return try ioas.remove(argument.iova...last)
  }

  /// `VFIO_IOMMU_GET_INFO`: page sizes, and as capabilities how many mappings there may be and which
  /// addresses can be used.
  private func containerInfo(
    _ address: UInt64, _ memory: any CallerMemory
  ) throws(LinuxErrno) {
    let given = try memory.loadPart(ContainerInfoArgument.self, 16, at: address).argumentSize
    guard given >= 16 else { throw .EINVAL }
    guard let compatible else { throw .ENODEV }
    let gaps = compatible.reserved.gaps
    let available = CapabilityBytes.available
    let ranges = CapabilityBytes.ranges(gaps)
    let start = UInt32(ContainerInfoArgument.byteCount)
    let second = start + UInt32(available.count)
    let total = second + UInt32(ranges.count)
    var info = ContainerInfoArgument()
    info.flags = 3
    // All powers of two from the smallest page on; the kernel tells pages up to the largest size.
    info.pageSizes = compatible.pageSizes
    // Linux writes each capability that fits, even when not all of them do.
    if given >= second {
      var bytes = available
      if given >= total { bytes.replaceSubrange(4..<8, with: second.littleEndianBytes) }
      try memory.store(bytes, at: address &+ UInt64(start))
    }
    if given >= total {
      try memory.store(ranges, at: address &+ UInt64(second))
      info.capabilityOffset = start
    }
    info.argumentSize = total
    try memory.storePart(
      info, Int(min(given, UInt32(ContainerInfoArgument.byteCount))), at: address)
  }
}

/// Capabilities of `VFIO_IOMMU_GET_INFO` as bytes.
private enum CapabilityBytes {
  /// Capability 3: how many mappings may be added, which is not limited.
  static var available: [UInt8] {
    header(id: 3) + UInt32.max.littleEndianBytes + [0, 0, 0, 0]
  }

  /// Capability 1: the addresses that can be used.
  static func ranges(_ gaps: [ClosedRange<UInt64>]) -> [UInt8] {
    var bytes = header(id: 1)
    bytes += UInt32(gaps.count).littleEndianBytes + [0, 0, 0, 0]
    for gap in gaps { bytes += gap.lowerBound.littleEndianBytes + gap.upperBound.littleEndianBytes }
    return bytes
  }

  private static func header(id: UInt16) -> [UInt8] {
    id.littleEndianBytes + UInt16(1).littleEndianBytes + [0, 0, 0, 0]
  }
}

extension FixedWidthInteger {
  /// The bytes, lowest first.
  fileprivate var littleEndianBytes: [UInt8] {
    (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) }
  }
}
