package import PCIe

extension CapabilityRule {
  /// The bytes that the kernel takes for the capability's, header included; 0 hides it.
  ///
  /// - Parameters:
  ///   - offset: Where its header is.
  ///   - config: The device's own config space.
  /// - Returns: The length; it may run past the end of config space.
  package func byteCount(at offset: Int, in config: ConfigSpace) -> Int {
    let second = config.read32(offset + 4)
    switch length {
    case .fixed(let count): return count
    case .msi:
      let control = config.read16(offset + 2)
      return 10 + (control >> 7 & 1 == 1 ? 4 : 0) + (control >> 8 & 1 == 1 ? 10 : 0)
    case .pciX: return config.read16(offset + 2) >> 12 & 3 == 0 ? 8 : 24
    case .vendorByte: return Int(config.read8(offset + 2))
    case .pciExpress:
      let flags = config.read16(offset + 2)
      let isIntegrated = flags >> 4 & 0xF == 9
      if flags & 0xF == 1 { return isIntegrated ? 0x0C : 0x14 }
      return isIntegrated ? 0x2C : 0x34
    case .hyperTransport: return config.read8(offset + 3) & 0xE0 != 0 ? 24 : 28
    case .sata: return config.read8(offset + 4) & 0xF == 0xF ? 16 : 8
    case .vendorField: return Int(second >> 20)
    case .virtualChannel: return channelByteCount(second, config.read32(offset + 8))
    case .accessControl:
      guard second >> 5 & 1 == 1 else { return 8 }
      let bits = Int(second >> 8 & 0xFF)
      return 8 + (bits == 0 ? 256 : (bits + 31) / 32 * 32) / 8
    case .resizableBAR: return 4 + 8 * Int(config.read8(offset + 8) >> 5)
    case .dynamicPower: return 16 + Int(second & 0x1F) + 1
    case .steeringTags:
      return second >> 9 & 3 == 1 ? 12 + 2 * Int(second >> 16 & 0x7FF) + 2 : 12
    }
  }

  private func channelByteCount(_ first: UInt32, _ second: UInt32) -> Int {
    let registers = 0x10 + (Int(first & 7) + 1) * 0x0C
    let phases =
      second >> 3 & 1 == 1 ? 128 : second >> 2 & 1 == 1 ? 64 : second >> 1 & 1 == 1 ? 32 : 0
    // Tables of ports and functions are left out: they are read-only either way.
    return phases == 0 ? registers : (registers + 15) / 16 * 16 + phases * 4 / 8
  }
}
