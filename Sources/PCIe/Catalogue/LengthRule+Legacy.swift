import Hardware

extension LengthRule {
  /// The length of the legacy capability at `offset`; `nil` when nothing states it.
  func legacyLength(at offset: Int, in config: ConfigSpace) -> Int? {
    switch self {
    case .fixed(let length): return length
    case .msi:
      // Message Control: bit 7 64-bit address, bit 8 per-vector masking.
      let control = config.read16(offset + 2)
      return 10 + (control >> 7 & 1 == 1 ? 4 : 0) + (control >> 8 & 1 == 1 ? 10 : 0)
    case .pciX:
      return config.read16(offset + 2) >> 12 & 3 == 0 ? 8 : 24
    case .hyperTransport:
      // Bits 7:5 of the command's upper byte: 0 and below are slave or host blocks.
      return config.read8(offset + 3) & 0xE0 != 0 ? 24 : 28
    case .vendorByte:
      let length = Int(config.read8(offset + 2))
      return length >= 3 ? length : nil
    case .pciExpress:
      return pciExpressLength(flags: config.read16(offset + 2))
    case .sata:
      guard offset + 8 <= config.size else { return nil }
      // SATA Capability Register 1 bits 3:0: 0xF says that the registers follow here.
      return config.read32(offset + 4) & 0xF == 0xF ? 16 : 8
    case .enhancedAllocation:
      return allocationLength(at: offset, in: config)
    default: return nil
    }
  }

  private func pciExpressLength(flags: UInt16) -> Int {
    let type = flags >> 4 & 0xF
    let hasSlot = flags >> 8 & 1 == 1
    if flags & 0xF < 2 {
      return switch type {
      case 4, 0xA: 0x24  // root control and status follow the slot registers
      case 9: 0x0C
      default: hasSlot ? 0x1C : 0x14
      }
    }
    return switch type {
    case 9: 0x2C
    case 4, 6, 8, 0xA: 0x3C  // the second set of slot and root registers
    default: hasSlot ? 0x3C : 0x34
    }
  }

  private func allocationLength(at offset: Int, in config: ConfigSpace) -> Int? {
    let count = Int(config.read8(offset + 2) & 0x3F)
    var length = config.headerType == 1 ? 8 : 4
    for _ in 0..<count {
      // An entry past the end gives a length past the end, which the walk reports.
      guard offset + length < 0x100 else { return length + 4 }
      guard offset + length + 4 <= config.size else { return nil }
      length += 4 * (Int(config.read32(offset + length) & 7) + 1)
    }
    return length
  }
}
