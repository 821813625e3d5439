package import PCIe

/// Config space as vfio-pci lets a program see and change it.
///
/// A read takes each bit from the kernel's copy or from the device, and a write reaches the copy,
/// the device or nothing, as ``VFIOConfigMap`` says. A few registers do more: they are in
/// `VFIOConfigView+Effects.swift`.
package struct VFIOConfigView: Sendable {
  /// Whose the bytes are and how they answer.
  package let map: VFIOConfigMap
  /// The kernel's copy.
  var copy: [UInt8]
  let description: FunctionDescription
  /// The largest multiple message enable that the vectors in use allow.
  var messageLimit = 0

  /// Builds the copy, as every first open does.
  package init(_ description: FunctionDescription, _ registers: FunctionRegisters) {
    self.description = description
    map = VFIOConfigMap(registers.config, isVirtualFunction: description.isVirtualFunction)
    copy = map.image
    if case .virtualFunction(let vendor, let device) = description.role {
      put(UInt32(device) << 16 | UInt32(vendor), at: 0, 4)
      copy[0x3D] = 0
      copy[4] |= 2
    }
    if !description.hasINTx { copy[0x3D] = 0 }
    for area in map.areas where area.owner == .legacy(0x01) {
      // PME is the host's.
      put(get(area.start + 2, 2) & ~0xF800, at: area.start + 2, 2)
      put(get(area.start + 4, 2) & ~0x8100, at: area.start + 4, 2)
    }
    fixBARs()
  }

  /// The number of bytes: 256 or 4,096.
  package var count: Int { copy.count }

  /// Reads one naturally aligned piece that ends within config space.
  package func read(
    _ width: AccessWidth, at offset: Int, from registers: FunctionRegisters
  ) -> UInt32 {
    let virtual = mask(map.virtual, width, at: offset)
    return registers.read(width, at: offset) & ~virtual | get(offset, width.rawValue) & virtual
  }

  /// Everything that a program reads, as one config space.
  package func config(_ registers: FunctionRegisters) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(registers.config)
    for offset in 0..<count {
      builder.put8(UInt8(truncatingIfNeeded: read(.byte, at: offset, from: registers)), at: offset)
    }
    return builder.config
  }

  /// Writes one naturally aligned piece that ends within config space.
  ///
  /// - Parameters:
  ///   - value: The little-endian value.
  ///   - width: The number of bytes.
  ///   - offset: The offset of the lowest.
  ///   - registers: The device.
  ///   - isMSIOn: Whether MSI is enabled through the interrupt request.
  /// - Returns: What the function has to do about it.
  package mutating func write(
    _ value: UInt32, _ width: AccessWidth, at offset: Int, to registers: inout FunctionRegisters,
    isMSIOn: Bool
  ) -> ConfigEffects {
    let virtual = mask(map.virtual, width, at: offset)
    let writable = mask(map.writable, width, at: offset)
    let before = readRequest(near: offset)
    if writable & virtual != 0 {
      let bits = writable & virtual
      put(get(offset, width.rawValue) & ~bits | value & bits, at: offset, width.rawValue)
    }
    if writable & ~virtual != 0 {
      registers.write(value, mask: writable & ~virtual, width, at: offset)
    }
    let piece = Piece(value: value, width: width, offset: offset)
    return act(on: piece, &registers, isMSIOn: isMSIOn, readRequest: before)
  }

  func mask(_ bytes: [UInt8], _ width: AccessWidth, at offset: Int) -> UInt32 {
    var value: UInt32 = 0
    for index in 0..<width.rawValue {
      value |= UInt32(bytes[offset + index]) << UInt32(8 * index)
    }
    return value
  }

  /// Bytes of the copy, little-endian; zeros behind the end.
  func get(_ offset: Int, _ count: Int) -> UInt32 {
    var value: UInt32 = 0
    for index in 0..<count where copy.indices.contains(offset + index) {
      value |= UInt32(copy[offset + index]) << UInt32(8 * index)
    }
    return value
  }

  /// Changes the copy.
  mutating func put(_ value: UInt32, at offset: Int, _ count: Int) {
    for index in 0..<count where copy.indices.contains(offset + index) {
      copy[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
    }
  }

  /// Gives the copies of the BARs the bits that their sizes and kinds fix.
  mutating func fixBARs() {
    var sizes: [Int: (mask: UInt64, flags: UInt32)] = [:]
    for bar in description.bars {
      let mask = ~(bar.byteCount &- 1)
      sizes[bar.index] = (mask & 0xFFFF_FFFF, bar.registerFlags)
      if bar.kind == .memory64 { sizes[bar.index + 1] = (mask >> 32, 0) }
    }
    for index in 0..<6 {
      let offset = 0x10 + 4 * index
      let (mask, flags) = sizes[index] ?? (0, 0)
      put(get(offset, 4) & UInt32(truncatingIfNeeded: mask) | flags, at: offset, 4)
    }
    let rom = description.rom.map { ~(UInt32(truncatingIfNeeded: $0.byteCount) &- 1) | 1 } ?? 0
    put(get(0x30, 4) & rom, at: 0x30, 4)
  }
}

/// What a config write asks of the function, beyond its own bytes.
package struct ConfigEffects: OptionSet, Hashable, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Reset the function.
  package static let reset = Self(rawValue: 1)
  /// Mappings of BARs must fault again: memory decode went off.
  package static let unmapBARs = Self(rawValue: 2)
  /// The command register was written.
  package static let command = Self(rawValue: 4)
  /// The power state was written.
  package static let power = Self(rawValue: 8)
}
