import Hardware

extension LengthRule {
  /// The length of the extended capability at `offset`; `nil` when nothing states it.
  ///
  /// Sections name the PCI Express Base Specification 6.x.
  func extendedLength(
    at offset: Int, version: UInt8, in config: ConfigSpace, port: PortFacts
  ) -> Int? {
    let second = config.read32(offset + 4)
    switch self {
    case .fixed(let length): return length
    case .vendorField(let minimum):
      let length = Int(second >> 20)
      return length >= minimum ? length : nil
    case .advancedErrors: return errorLength(at: offset, in: config, port: port)
    case .virtualChannel: return channelLength(at: offset, in: config)
    case .rootLinks: return 16 + 16 * Int(second >> 8 & 0xFF)
    case .eventCollector: return version >= 2 ? 12 : 8
    case .accessControl:
      guard second >> 5 & 1 == 1 else { return 8 }
      let bits = Int(second >> 8 & 0xFF)
      return 8 + ((bits == 0 ? 256 : bits) + 31) / 32 * 4
    case .multicast: return port.isPort ? 0x30 : 0x28
    case .resizableBAR:
      let count = Int(config.read32(offset + 8) >> 5 & 7)
      return count > 0 ? 4 + 8 * count : nil
    case .dynamicPower: return 16 + Int(second & 0x1F) + 1
    case .steeringTags:
      return second >> 9 & 3 == 1 ? 12 + 2 * (Int(second >> 16 & 0x7FF) + 1) : 12
    case .lanes(let base, let perLane, let granule):
      return port.lanes.map { base + ($0 * perLane + granule - 1) / granule * granule }
    case .portContainment: return containmentLength(second)
    case .l1Substates: return version >= 2 ? 20 : 16
    case .encryption: return encryptionLength(at: offset, second, in: config)
    case .blockLocator:
      let length = Int(second & 0xFFF)
      return length >= 8 ? length : nil
    default: return nil
    }
  }

  // 7.8.4: the prefix log exists where End-End prefixes do; its status bit only says that it holds
  // something now.
  private func errorLength(at offset: Int, in config: ConfigSpace, port: PortFacts) -> Int {
    let control = config.read32(offset + 0x18)
    if control >> 18 & 1 == 1 {
      // A log taken in flit mode: four dwords at 0x1C, the rest from 0x38.
      let dwords = Int(control >> 19 & 0x1F)
      return max(0x48, 0x38 + 4 * max(0, dwords - 4))
    }
    // PCI Express to PCI/PCI-X Bridge Specification 1.0: such a bridge has registers and a header
    // log for its secondary side as well.
    if port.isConventionalBridge { return 0x4C }
    if control >> 11 & 1 == 1 || port.hasEndEndPrefixes { return 0x48 }
    return port.hasRootErrors ? 0x38 : 0x2C
  }

  // 7.9.1, and 7.9.2 for multi-function channels: the registers, then the arbitration
  // tables wherever their offsets put them.
  private func channelLength(at offset: Int, in config: ConfigSpace) -> Int {
    let first = config.read32(offset + 4)
    let second = config.read32(offset + 8)
    let channels = Int(first & 7) + 1
    let registers = 0x10 + channels * 0x0C
    var end = registers
    let phases =
      second >> 3 & 1 == 1 ? 128 : second >> 2 & 1 == 1 ? 64 : second >> 1 & 1 == 1 ? 32 : 0
    if phases > 0 {
      end = (registers + 15) / 16 * 16 + phases * 4 / 8
    }
    // Port arbitration: the table's entries have 1, 2, 4 or 8 bits.
    let entryBits = 1 << Int(first >> 10 & 3)
    for channel in 0..<channels {
      let resource = config.read32(offset + 0x10 + 0x0C * channel)
      let table = Int(resource >> 24) * 16
      guard table > 0, resource != .max else { continue }
      end = max(end, table + arbitrationPhases(resource) * entryBits / 8)
    }
    return end
  }

  // VC Resource Capability bits 5:1: weighted round robin with 32, 64, 128, 128 (time-based) and
  // 256 phases; the largest one sizes the table.
  private func arbitrationPhases(_ resource: UInt32) -> Int {
    if resource >> 5 & 1 == 1 { return 256 }
    if resource >> 3 & 3 != 0 { return 128 }
    if resource >> 2 & 1 == 1 { return 64 }
    return resource >> 1 & 1 == 1 ? 32 : 0
  }

  // 7.9.14: bit 5 says that root port extensions are there, bits 11:8 (and bit 13 as a
  // fifth bit) how many dwords their log has.
  private func containmentLength(_ second: UInt32) -> Int {
    guard second >> 5 & 1 == 1 else { return 12 }
    return 0x20 + 4 * (Int(second >> 8 & 0xF) + (second >> 13 & 1 == 1 ? 16 : 0))
  }

  // 7.9.26: an 8-byte block a link stream; a selective stream has 20 bytes and 12 more for
  // each of its address associations.
  private func encryptionLength(at offset: Int, _ second: UInt32, in config: ConfigSpace) -> Int {
    var length = 0x0C
    if second & 1 == 1 { length += 8 * (Int(second >> 13 & 7) + 1) }
    guard second >> 1 & 1 == 1 else { return length }
    for _ in 0...Int(second >> 16 & 0xFF) {
      // A block past the end gives a length past the end, which the walk reports.
      guard offset + length < ConfigSpace.extendedSize else { return length + 20 }
      length += 20 + 12 * Int(config.read32(offset + length) & 0xF)
    }
    return length
  }
}
