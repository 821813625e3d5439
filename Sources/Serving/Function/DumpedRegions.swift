public import DeviceModels
public import PCIe

extension DeviceRegion {
  /// The base address registers of a dump, as plain memory.
  ///
  /// A dump has addresses, but no sizes. Where none is given, a region has a page, or as many as the
  /// MSI-X structures in it take. Registers of I/O are left out: they are not served.
  ///
  /// - Parameters:
  ///   - config: The dump.
  ///   - sizes: Sizes in bytes, by number, for registers where they are known; one that reads zero,
  ///     since its device had no address, counts as 32-bit memory.
  /// - Returns: The regions, in order of number.
  public static func dumped(
    _ config: ConfigSpace, sizes: [Int: UInt64] = [:]
  ) -> [DeviceRegion] {
    guard config.headerType == 0 else { return [] }
    var regions: [DeviceRegion] = []
    var index = 0
    while index < 6 {
      let register = config.read32(0x10 + 4 * index)
      let isWide = register & 7 == 4 && index < 5
      defer { index += isWide ? 2 : 1 }
      let isThere = register != 0 && register != .max
      guard isThere || sizes[index] != nil, !isThere || register & 1 == 0 else { continue }
      regions.append(
        DeviceRegion(
          index: index, kind: isWide ? .memory64 : .memory32,
          isPrefetchable: isThere && register & 8 != 0,
          byteCount: sizes[index] ?? least(index, in: config), content: .memory))
    }
    return regions
  }

  /// A page, or the power of two that holds what the MSI-X capability has in a region.
  private static func least(_ index: Int, in config: ConfigSpace) -> UInt64 {
    guard let entry = config.walkCapabilities().first(0x11, in: .legacy) else { return 4096 }
    let vectors = UInt64(config.read16(entry.offset + 2) & 0x7FF) + 1
    var end: UInt64 = 4096
    for (place, bytes) in [(4, 16 * vectors), (8, (vectors + 63) / 64 * 8)] {
      let register = config.read32(entry.offset + place)
      if Int(register & 7) == index { end = max(end, UInt64(register & ~7) + bytes) }
    }
    var size: UInt64 = 4096
    while size < end, size < 1 << 31 { size <<= 1 }
    return size
  }
}
