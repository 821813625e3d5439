import PCIe

/// Config spaces laid out like those of real devices, all made from a seed.
enum Zoo {
  /// One extended capability: what goes behind its header.
  private struct Part {
    let id: UInt16
    var version: UInt8 = 1
    /// Bytes to its end, header included.
    let length: Int
    /// The dword at 4, when it says how long the capability is.
    var second: UInt32?
    /// The dword at 8, likewise.
    var third: UInt32?
    /// Of 8 dwords in its body, how many have a value.
    var density = 3
  }

  /// Different layouts; every tenth has nothing but random bytes behind its identity.
  ///
  /// - Parameters:
  ///   - count: How many.
  ///   - seed: What they are made from.
  /// - Returns: Config spaces of 4,096 bytes.
  static func layouts(_ count: Int, seed: UInt64 = 1) -> [ConfigSpace] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { index in
      index % 10 == 9 ? noise(index, &random) : device(index, &random)
    }
  }

  /// The layouts again with other contents in registers that no length depends on, for as many
  /// devices as are wanted.
  ///
  /// - Parameters:
  ///   - count: How many devices.
  ///   - layouts: What they look like, in turn.
  /// - Returns: The devices.
  static func herd(_ count: Int, of layouts: [ConfigSpace]) -> [ConfigSpace] {
    (0..<count).map { index in
      var builder = ConfigSpaceBuilder(layouts[index % layouts.count])
      // BAR0 is another one on each device.
      builder.put32(0xE000_0004 &+ UInt32(index) << 12, at: 0x10)
      return builder.config
    }
  }

  /// A device with a vendor-specific capability whose body fills most of the space.
  ///
  /// - Parameter isRandom: Whether the body is random or zero.
  /// - Returns: The config space: the lists and the placement do not depend on `isRandom`.
  static func wideBody(isRandom: Bool) -> ConfigSpace {
    var random = SplitMix64(seed: 7)
    var device = header(0x51, &random)
    put(
      [Part(id: 0x0001, version: 2, length: 0x48), Part(id: 0x000F, length: 8)], from: 0x100,
      into: &device, continuing: true, &random)
    device.putExtendedHeader(id: 0x000B, next: 0, at: 0x160)
    device.put32(0xE00 << 20 | 0x0001_0042, at: 0x164)
    if isRandom {
      for offset in stride(from: 0x168, to: 0xF60, by: 4) {
        device.put32(UInt32.random(in: 1 ... .max, using: &random), at: offset)
      }
    }
    return device.config
  }

  private static func device(_ index: Int, _ random: inout SplitMix64) -> ConfigSpace {
    var device = header(UInt16(index), &random)
    var parts = kinds(index, &random)
    if index % 3 == 0 { parts.shuffle(using: &random) }
    put(parts, from: 0x100, into: &device, continuing: false, &random)
    // Registers that no capability accounts for, at the top on some and in the middle on others.
    if index % 5 == 1 {
      for offset in stride(from: 0xFC0, to: 0x1000, by: 8) {
        device.put32(UInt32.random(in: 1 ... .max, using: &random), at: offset)
      }
    }
    if index % 4 == 2 {
      for _ in 0..<6 {
        let offset = 4 * Int.random(in: 0x200...0x3E0, using: &random)
        device.put32(UInt32.random(in: 1 ... .max, using: &random), at: offset)
      }
    }
    return device.config
  }

  /// Capabilities as a NIC, a GPU, an SSD, an accelerator or a bridge has them.
  private static func kinds(_ index: Int, _ random: inout SplitMix64) -> [Part] {
    let errors = Part(id: 0x01, version: 2, length: 0x48, density: 2)
    let serial = Part(id: 0x03, length: 12, density: 8)
    switch index % 5 {
    case 0:
      return [
        errors, serial, Part(id: 0x0E, length: 8), Part(id: 0x10, length: 0x40, density: 6),
        Part(id: 0x17, length: 12, second: 1), Part(id: 0x0D, length: 8, second: 0),
        Part(id: 0x0F, length: 8), Part(id: 0x19, length: 0x2C, density: 5),
      ]
    case 1:
      let length = 4 * Int.random(in: 6...40, using: &random)
      return [
        Part(id: 0x0B, length: length, second: UInt32(length) << 20 | 0x1_0001, density: 5),
        Part(id: 0x02, length: 0x1C, second: 0, third: 0), Part(id: 0x18, length: 8), errors,
        Part(id: 0x15, length: 12, third: 1 << 5), Part(id: 0x1E, length: 16), serial,
        Part(id: 0x26, length: 0x30), Part(id: 0x27, length: 0x48, density: 6),
      ]
    case 2:
      return [
        errors, serial, Part(id: 0x19, length: 0x2C), Part(id: 0x18, length: 8),
        Part(id: 0x1E, length: 16), Part(id: 0x04, length: 16),
      ]
    case 3:
      let length = 0x18 + 4 * (index % 7)
      return [
        errors, Part(id: 0x18, length: 8),
        Part(id: 0x23, length: length, second: UInt32(length) << 20 | 0x8086, density: 6),
        Part(id: 0x0F, length: 8), Part(id: 0x13, length: 16), Part(id: 0x0D, length: 8, second: 0),
        index % 2 == 1 ? Part(id: 0x1B, length: 8) : Part(id: 0x16, length: 17, second: 0),
        Part(id: 0x14, length: 0x20),
      ]
    default:
      return [
        errors, Part(id: 0x0D, length: 8, second: 0), Part(id: 0x1D, length: 12, second: 0),
        Part(id: 0x25, length: 12), Part(id: 0x26, length: 0x30), Part(id: 0x2A, length: 0x30),
        Part(id: 0x1F, length: 12), Part(id: 0x2E, length: 0x18),
      ]
    }
  }

  /// Identity, BARs and a legacy list: power management, MSI, PCI Express, MSI-X.
  private static func header(
    _ index: UInt16, _ random: inout SplitMix64
  ) -> ConfigSpaceBuilder {
    var device = ConfigSpaceBuilder()
    device.put32(
      UInt32(0x1000 + index) << 16 | 0x8086, 0x0010_0406, 0x0200_0000 | UInt32(index & 7), at: 0)
    for bar in 0..<6 { device.put32(random.next32(), at: 0x10 + 4 * bar) }
    device.put32(random.next32(), at: 0x2C)
    device.put8(0x40, at: 0x34)
    device.put32(0xC803_5001, 0x0000_0008, at: 0x40)
    device.put32(0x0180_7005, 0xFEE0_0000, 0, 0x4021, at: 0x50)
    // Version 2, an endpoint; the link has 16 lanes.
    device.put32(0x0002_B010, 0x1000_8FE2, 0x0000_2937, 0x0043_F904, 0x1104_0000, at: 0x70)
    device.put32(0x0000_0C12, at: 0x94)
    device.put32(0x803F_0011, 0x0000_2000, 0x0000_3000, at: 0xB0)
    return device
  }

  private static func put(
    _ parts: [Part], from start: Int, into device: inout ConfigSpaceBuilder, continuing: Bool,
    _ random: inout SplitMix64
  ) {
    var offset = start
    for (index, part) in parts.enumerated() {
      // Real lists leave room between capabilities.
      let end = (offset + part.length + 15) / 16 * 16
      let isLast = index + 1 == parts.count
      device.putExtendedHeader(
        id: part.id, version: part.version, next: isLast && !continuing ? 0 : end, at: offset)
      for dword in stride(from: 4, to: part.length - 3, by: 4)
      where Int.random(in: 0..<8, using: &random) < part.density {
        device.put32(random.next32(), at: offset + dword)
      }
      if let second = part.second { device.put32(second, at: offset + 4) }
      if let third = part.third { device.put32(third, at: offset + 8) }
      // AER's log depends on this one.
      if part.id == 0x01 { device.put32(0x0000_00A0, at: offset + 0x18) }
      offset = end
    }
  }

  private static func noise(_ index: Int, _ random: inout SplitMix64) -> ConfigSpace {
    var device = ConfigSpaceBuilder()
    for offset in stride(from: 0x04, to: 0x1000, by: 4) {
      device.put32(random.next32(), at: offset)
    }
    device.put32(UInt32(0x2000 + index) << 16 | 0x8086, at: 0)
    return device.config
  }
}
