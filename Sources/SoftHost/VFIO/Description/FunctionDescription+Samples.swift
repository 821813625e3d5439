package import PCIe

extension FunctionDescription {
  /// Describes a function by its config space, for instance from a dump.
  ///
  /// A base address register is taken to be there when it is not zero. The sizes are not in the
  /// dump: one that is not told is 4 KiB of memory or 64 ports, and as much more as the MSI-X
  /// table and pending bits need.
  ///
  /// - Parameters:
  ///   - config: The bytes.
  ///   - sizes: Sizes in bytes by register number, for those that are known.
  ///   - role: What the function is to SR-IOV.
  ///   - resetWorks: Whether a function reset works; when not told, what the PCI Express
  ///     or AF capability says.
  /// - Throws: ``DescriptionError``.
  package init(
    dumped config: ConfigSpace, sizes: [Int: UInt64] = [:], role: Role = .plain,
    resetWorks: Bool? = nil
  ) throws(DescriptionError) {
    let walk = config.walkCapabilities()
    var bars: [BARDescription] = []
    var index = 0
    while index < 6 {
      let register = config.read32(0x10 + 4 * index)
      let isWide = register & 7 == 4 && index < 5
      defer { index += isWide ? 2 : 1 }
      guard register != 0, register != .max || sizes[index] != nil else { continue }
      let kind: BARDescription.Kind =
        register & 1 == 1 ? .io : isWide ? .memory64 : .memory32
      let size =
        sizes[index]
        ?? (kind == .io ? 64 : Self.guessedSize(index, walk.first(0x11, in: .legacy), config))
      bars.append(
        BARDescription(
          index: index, kind: kind, byteCount: size,
          isPrefetchable: kind != .io && register & 8 != 0))
    }
    let works = resetWorks ?? Self.hasFunctionReset(walk, config)
    try self.init(config: config, bars: bars, role: role, resetWorks: works)
  }

  /// A page, or as many as the MSI-X structures take.
  private static func guessedSize(_ index: Int, _ msix: Capability?, _ config: ConfigSpace)
    -> UInt64
  {
    guard let msix else { return 4096 }
    let vectors = UInt64(config.read16(msix.offset + 2) & 0x7FF) + 1
    var end: UInt64 = 4096
    for (place, size) in [(4, 16 * vectors), (8, (vectors + 63) / 64 * 8)] {
      let register = config.read32(msix.offset + place)
      if Int(register & 7) == index { end = max(end, UInt64(register & ~7) + size) }
    }
    // At most 2^32 and some: the next power of two fits a 32-bit register when it must.
    var size: UInt64 = 4096
    while size < end, size < 1 << 31 { size <<= 1 }
    return size
  }

  private static func hasFunctionReset(_ walk: CapabilityWalk, _ config: ConfigSpace) -> Bool {
    if let express = walk.first(Capability.pciExpressID, in: .legacy),
      config.read32(express.offset + 4) >> 28 & 1 == 1
    {
      return true
    }
    guard let advanced = walk.first(0x13, in: .legacy) else { return false }
    return config.read8(advanced.offset + 3) & 3 == 3
  }

  /// Intel's Data Streaming Accelerator as it comes out of reset: 64 KiB of registers, 128 KiB of
  /// portals, nine MSI-X vectors, PASID, ATS and PRI, all off.
  ///
  /// - Parameters:
  ///   - registers: What stands behind the registers, BAR 0.
  ///   - portals: What stands behind the portals, BAR 2.
  /// - Returns: The function.
  /// - Throws: ``DescriptionError``, which these registers give no reason for.
  package static func dataStreamingAccelerator(
    registers: BARDescription.Backing = .memory, portals: BARDescription.Backing = .memory
  ) throws(DescriptionError) -> FunctionDescription {
    var builder = ConfigSpaceBuilder(SampleDevice.sapphireRapidsDSA)
    // The sample shows the function as its driver leaves it.
    builder.put16(0, at: 0x04)
    builder.put16(builder.config.read16(0x48) & 0x7FFF, at: 0x48)
    builder.put16(builder.config.read16(0x82) & 0x3FFF, at: 0x82)
    builder.put16(0, at: 0x226)
    builder.put16(0, at: 0x236)
    return try FunctionDescription(
      config: builder.config,
      bars: [
        BARDescription(
          index: 0, kind: .memory64, byteCount: 0x1_0000, isPrefetchable: true,
          backing: registers),
        BARDescription(
          index: 2, kind: .memory64, byteCount: 0x2_0000, isPrefetchable: true, backing: portals),
      ])
  }

  /// A network function without PASID: registers in BAR 0, ports in BAR 2, MSI-X in BAR 3, a ROM,
  /// MSI, and a physical function's SR-IOV.
  package static func networkFunction() throws(DescriptionError) -> FunctionDescription {
    var device = SampleDevice.networkBuilder
    device.putExtendedHeader(id: 0x03, next: 0x160, at: 0x140)
    device.putExtendedHeader(id: 0x10, next: 0, at: 0x160)
    device.put32(0, 0, 0x0002_0002, 0, 0x0002_0080, 0x10CA_0000, at: 0x164)
    device.put32(0x0000_0553, 0x0000_0001, at: 0x17C)
    var image: [UInt8] = [0x55, 0xAA]
    image += Array(repeating: 0, count: 510)
    return try FunctionDescription(
      config: device.config,
      bars: [
        BARDescription(index: 0, kind: .memory32, byteCount: 0x2_0000),
        BARDescription(index: 2, kind: .io, byteCount: 32),
        BARDescription(index: 3, kind: .memory32, byteCount: 0x4000),
      ], rom: ROM(byteCount: 0x1_0000, image: image), role: .physicalFunction)
  }

  /// A virtual function of another function: no identity, pin or command register of its own.
  ///
  /// - Parameter physical: A function with SR-IOV, which names the identity of its virtual ones.
  /// - Returns: The virtual function, with ATS, ARI and MSI-X, or `nil` when the other has no
  ///   SR-IOV.
  /// - Throws: ``DescriptionError``.
  package static func virtualFunction(
    of physical: FunctionDescription
  ) throws(DescriptionError) -> FunctionDescription? {
    let config = physical.config
    guard let sharing = config.walkCapabilities().first(0x10, in: .extended) else { return nil }
    var device = ConfigSpaceBuilder()
    device.put32(.max, 0x0010_0000, config.read32(8), at: 0x00)
    device.put32(config.read32(0x2C), at: 0x2C)
    device.put8(0x70, at: 0x34)
    device.put32(0x0002_A011, 0x0000_0000, 0x0000_0800, at: 0x70)
    device.put32(0x0002_0010, 0x1000_8CC2, 0x0000_0000, 0x0003_6C11, 0x1011_0000, at: 0xA0)
    device.putExtendedHeader(id: 0x0E, next: 0x150, at: 0x140)
    device.putExtendedHeader(id: 0x0F, next: 0, at: 0x150)
    device.put32(0x0000_0060, at: 0x154)
    return try FunctionDescription(
      config: device.config,
      bars: [BARDescription(index: 0, kind: .memory64, byteCount: 0x4000, isPrefetchable: true)],
      role: .virtualFunction(
        vendorID: config.vendorID, deviceID: config.read16(sharing.offset + 0x1A)),
      hasINTx: false)
  }
}
