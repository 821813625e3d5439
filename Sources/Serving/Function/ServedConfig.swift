public import DeviceModels
import Hardware
public import PCIe
import Passthrough

/// The config space of a served function: registers that act as hardware's, without a device.
///
/// A VMM's vfio-user client shows it to a guest. Such a client emulates base address registers and
/// messages itself and writes everything through all the same, so every register is here as well.
///
/// What a guest may do with a function made of a **dump**: read all that was dumped; turn memory
/// decoding, bus mastering, MSI and MSI-X, PASID, ATS and page requests on and off; set payload,
/// latency and error reporting; change the power state; reset the function. What does something
/// that nobody here does (virtual functions, vital product data, resizable regions, vendor's own
/// registers, a ROM, regions of I/O) is read-only. Regions are plain memory then: they keep what is
/// written, and nothing happens.
///
/// Neither reading nor writing allocates. It is a value without a lock: its owner serves it under
/// one.
public struct ServedConfig: Sendable {
  /// Where the capabilities are whose registers do more than keep bits.
  struct Places: Hashable, Sendable {
    var power: Int?
    var messages: Int?
    var wideMessages: Int?
    var express: Int?
    var advanced: Int?
    var pasid: Int?
    var ats: Int?
    var pri: Int?
  }

  /// The number of bytes: PCI Express config space.
  public static let byteCount = ConfigSpace.extendedSize

  var space: VirtualConfigSpace<ConfigSpace>
  let places: Places
  /// ``resetBits``, which never change.
  private(set) var resets: [(offset: Int, mask: UInt8)] = []
  /// The base address registers in order of number.
  public let regions: [DeviceRegion]
  /// Whether the function can signal INTx: the header names a pin.
  public let hasLine: Bool
  /// Why no extended capability is shown though there are some: what is wrong with their list.
  public let extendedProblem: ChainProblem?

  /// Takes over a function's bytes.
  ///
  /// - Parameters:
  ///   - config: A model's config space, or a dump of at least 256 bytes; extended space that was
  ///     not read is empty, and so is one whose list cannot be followed.
  ///   - regions: The base address registers, in order of number. What the bytes say about them is
  ///     replaced.
  /// - Throws: ``ServedConfigError`` when no guest could use the function.
  public init(_ config: ConfigSpace, regions: [DeviceRegion]) throws(ServedConfigError) {
    guard config.size >= 256 else { throw .incomplete(byteCount: config.size) }
    guard config.vendorID != .max else { throw .noIdentity }
    guard config.headerType == 0 else { throw .notAnEndpoint(headerType: config.headerType) }
    try Self.check(regions)
    var whole = ConfigSpaceBuilder()
    for (offset, byte) in config.bytes.enumerated() { whole.put8(byte, at: offset) }
    // No such list: the first dword read all ones, or repeated the header.
    if config.walkCapabilities().extendedSpace == .absent {
      for offset in 0x100..<ConfigSpace.extendedSize { whole.put8(0, at: offset) }
    }
    var full = whole.config
    var walk = full.walkCapabilities()
    extendedProblem = walk.problems.first { $0.breaksChain && $0.list == .extended }
    if extendedProblem != nil {
      // No register behind a broken link would act, so a guest is not to find one by chance.
      for offset in 0x100..<ConfigSpace.extendedSize { whole.put8(0, at: offset) }
      full = whole.config
      walk = full.walkCapabilities()
    }
    if let problem = walk.problems.first(where: \.breaksChain) { throw .brokenList("\(problem)") }

    var emulation = ConfigEmulation()
    var rows = FunctionRegisters.header(of: full, regions)
    for entry in walk.legacy { rows += FunctionRegisters.legacy(entry, of: full) }
    for entry in walk.extended { rows += FunctionRegisters.extended(entry, of: full) }
    for row in rows {
      // Capabilities of a dump may overlap or run past the end; the first register stands.
      try? emulation.add(row)
    }
    space = VirtualConfigSpace(full, emulation: emulation)
    places = Places(
      power: walk.first(0x01, in: .legacy)?.offset,
      messages: walk.first(0x05, in: .legacy)?.offset,
      wideMessages: walk.first(0x11, in: .legacy)?.offset,
      express: walk.first(Capability.pciExpressID, in: .legacy)?.offset,
      advanced: walk.first(0x13, in: .legacy)?.offset,
      pasid: walk.first(Capability.pasidID, in: .extended)?.offset,
      ats: walk.first(TranslationServices.atsID, in: .extended)?.offset,
      pri: walk.first(TranslationServices.priID, in: .extended)?.offset)
    self.regions = regions
    hasLine = (1...4).contains(full.read8(0x3D))
    try checkMessageTable()
    resets = resetBits
  }

  private static func check(_ regions: [DeviceRegion]) throws(ServedConfigError) {
    var free = 0
    for region in regions {
      let isWide = region.kind == .memory64
      guard region.index >= free, region.index + (isWide ? 2 : 1) <= 6, region.byteCount >= 16,
        region.byteCount & (region.byteCount - 1) == 0, isWide || region.byteCount <= 1 << 31
      else { throw .region(index: region.index, byteCount: region.byteCount) }
      free = region.index + (isWide ? 2 : 1)
    }
  }

  private func checkMessageTable() throws(ServedConfigError) {
    guard let start = places.wideMessages else { return }
    let count = UInt64(messageCount)
    for (register, bytes) in [(start + 4, 16 * count), (start + 8, (count + 63) / 64 * 8)] {
      let place = space.physical.read32(register)
      let index = Int(place & 7)
      guard let region = regions.first(where: { $0.index == index }),
        UInt64(place & ~7) + bytes <= region.byteCount
      else { throw .messageTable(region: index) }
    }
  }
}

extension ServedConfig {
  /// MSI-X vectors; 0 without the capability.
  public var messageCount: Int {
    places.wideMessages.map { Int(space.physical.read16($0 + 2) & 0x7FF) + 1 } ?? 0
  }

  /// MSI vectors that the function can ask for; 0 without the capability.
  public var narrowMessageCount: Int {
    places.messages.map { 1 << min(Int(space.physical.read16($0 + 2) >> 1 & 7), 5) } ?? 0
  }

  /// The MSI-X table: its region and where in it, in bytes; `nil` without the capability.
  public var messageTable: (region: Int, offset: UInt64)? {
    places.wideMessages.map {
      let place = space.physical.read32($0 + 4)
      return (Int(place & 7), UInt64(place & ~7))
    }
  }

  /// Where the PASID capability is, and the bits of a PASID; `nil` when there is none.
  public var pasid: (offset: Int, width: Int)? {
    places.pasid.map {
      ($0, PASIDCapability(register: space.physical.read16($0 + 4)).width)
    }
  }

  /// Whether there are the ATS and the PRI capability.
  public var translationServices: (ats: Bool, pri: Bool) { (places.ats != nil, places.pri != nil) }

  /// The bytes and bits that reset the function when a one is written; they read 0.
  private var resetBits: [(offset: Int, mask: UInt8)] {
    var bits: [(Int, UInt8)] = []
    if let express = places.express, space.physical.read32(express + 4) >> 28 & 1 == 1 {
      bits.append((express + 9, 0x80))
    }
    // Both bits of AF Capabilities: function reset, and the pending bit that goes with it.
    if let advanced = places.advanced, space.physical.read8(advanced + 3) & 3 == 3 {
      bits.append((advanced + 4, 1))
    }
    return bits
  }
}
