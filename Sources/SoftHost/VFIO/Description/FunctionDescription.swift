package import PCIe

/// One PCI function as it comes out of reset, and what its platform does for it.
package struct FunctionDescription: Sendable {
  /// What the function is to SR-IOV.
  package enum Role: Hashable, Sendable {
    /// Neither of the others.
    case plain
    /// A physical function that can have virtual ones.
    case physicalFunction
    /// A virtual function, with the identity that its own config space does not hold.
    case virtualFunction(vendorID: UInt16, deviceID: UInt16)
  }

  /// The option ROM.
  package struct ROM: Hashable, Sendable {
    /// The size that the register decodes, in bytes.
    package let byteCount: UInt64
    /// The image; none when it cannot be read.
    package let image: [UInt8]

    /// Describes a ROM; bytes behind the image read all ones.
    package init(byteCount: UInt64, image: [UInt8]) {
      self.byteCount = byteCount
      self.image = image
    }
  }

  /// Config space, 256 or 4,096 bytes.
  package let config: ConfigSpace
  /// The base address registers in order of number.
  package let bars: [BARDescription]
  /// The option ROM, if there is one.
  package let rom: ROM?
  /// What the function is to SR-IOV.
  package let role: Role
  /// Whether a function reset works; VFIO finds out at the first open.
  package let resetWorks: Bool
  /// Whether the interrupt pin is wired to something.
  package let hasINTx: Bool
  /// The vectors that the platform has for MSI or MSI-X, when they are fewer than asked for.
  package let vectorLimit: Int?
  /// Whether MSI-X vectors can be added while MSI-X is on.
  package let addsVectors: Bool
  /// Vital product data behind the VPD capability, in bytes.
  package let vitalProductData: [UInt8]
  /// Bits of config space that take writes besides those that the specifications name.
  package let writableBits: [WritableBits]
  /// The device model that the function belongs to, which hears of resets and controls.
  package var model: (any FunctionModel)?

  /// Bits of one config dword that a function lets software write.
  package struct WritableBits: Hashable, Sendable {
    /// The offset of the dword, a multiple of 4.
    package let offset: Int
    /// The bits.
    package let mask: UInt32

    /// Names bits.
    package init(at offset: Int, mask: UInt32) {
      self.offset = offset
      self.mask = mask
    }
  }

  /// Describes a function.
  ///
  /// A read of 64 or 128 bytes is taken for a conventional function whose other bytes are zero.
  ///
  /// - Throws: ``DescriptionError``.
  package init(
    config: ConfigSpace, bars: [BARDescription] = [], rom: ROM? = nil, role: Role = .plain,
    resetWorks: Bool = true, hasINTx: Bool = true, vectorLimit: Int? = nil,
    addsVectors: Bool = false, vitalProductData: [UInt8] = [], writableBits: [WritableBits] = []
  ) throws(DescriptionError) {
    guard !config.isAbsent else { throw .absent }
    guard config.headerType == 0 else { throw .headerType(config.headerType) }
    var taken = Set<Int>()
    for bar in bars {
      if let problem = bar.problem { throw problem }
      for register in bar.registers where !taken.insert(register).inserted {
        throw .badBAR(register)
      }
    }
    if let rom {
      let size = rom.byteCount
      guard size.nonzeroBitCount == 1, (0x800...0x100_0000).contains(size),
        rom.image.count <= Int(size)
      else { throw .badROM }
    }
    self.config = config.size < 256 ? Self.padded(config) : config
    self.bars = bars.sorted { $0.index < $1.index }
    self.rom = rom
    self.role = role
    self.resetWorks = resetWorks
    self.hasINTx = hasINTx
    self.vectorLimit = vectorLimit
    self.addsVectors = addsVectors
    self.vitalProductData = vitalProductData
    self.writableBits = writableBits
  }

  /// Whether this is a virtual function.
  package var isVirtualFunction: Bool {
    if case .virtualFunction = role { true } else { false }
  }

  private static func padded(_ config: ConfigSpace) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(size: 256)
    for (offset, byte) in config.bytes.enumerated() { builder.put8(byte, at: offset) }
    return builder.config
  }
}
