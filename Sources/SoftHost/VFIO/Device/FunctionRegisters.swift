package import PCIe

/// The config registers of the function itself, below anything that VFIO makes of them.
///
/// Each bit is read-only, takes what is written, or is cleared by a written one. A function reset
/// brings back the bytes it started with, but for the registers that the kernel saves before a
/// reset and restores afterwards.
package struct FunctionRegisters: Sendable {
  /// The bytes as the device answers now.
  private(set) package var bytes: [UInt8]
  private var writable: [UInt8]
  private var clearable: [UInt8]
  private var keeping: [HardwareRule.Keeping]
  private let initial: [UInt8]

  /// The function as it comes out of reset.
  package init(_ description: FunctionDescription) {
    var start = description.config.bytes
    writable = Array(repeating: 0, count: start.count)
    clearable = writable
    keeping = Array(repeating: .none, count: start.count)
    let walk = description.config.walkCapabilities()
    // The registers show their flags, whatever a dump that was taken without them holds.
    for bar in description.bars {
      start[bar.registerOffset] &= bar.kind == .io ? 0xFC : 0xF0
      start[bar.registerOffset] |= UInt8(truncatingIfNeeded: bar.registerFlags)
    }
    bytes = start
    initial = start
    for row in HardwareRule.header(of: description) { apply(row, at: 0) }
    for entry in walk.legacy {
      for row in HardwareRule.legacy(entry, in: description.config) { apply(row, at: entry.offset) }
    }
    for entry in walk.extended {
      for row in HardwareRule.extended(entry, in: description.config) {
        apply(row, at: entry.offset)
      }
    }
    for bits in description.writableBits {
      apply(HardwareRule(bits.offset, 4, writable: bits.mask, .none), at: 0)
    }
  }

  private mutating func apply(_ rule: HardwareRule, at start: Int) {
    for index in 0..<rule.byteCount {
      let offset = start &+ rule.offset &+ index
      guard bytes.indices.contains(offset) else { continue }
      writable[offset] |= UInt8(truncatingIfNeeded: rule.writable >> UInt32(8 * index))
      clearable[offset] |= UInt8(truncatingIfNeeded: rule.clears >> UInt32(8 * index))
      if rule.keeping != .none { keeping[offset] = rule.keeping }
    }
  }

  /// The number of bytes: 256 or 4,096.
  package var count: Int { bytes.count }

  /// The bytes as a config space.
  package var config: ConfigSpace { ConfigSpace(unchecked: bytes) }

  /// Reads little-endian; all ones outside the space.
  package func read(_ width: AccessWidth, at offset: Int) -> UInt32 {
    guard offset >= 0, offset <= bytes.count - width.rawValue else { return width.mask }
    var value: UInt32 = 0
    for index in 0..<width.rawValue {
      value |= UInt32(bytes[offset + index]) << UInt32(8 * index)
    }
    return value
  }

  /// Writes some bits as a bus access would; the others are as if read and written back.
  ///
  /// - Parameters:
  ///   - value: The little-endian value.
  ///   - mask: The bits that are meant.
  ///   - width: The number of bytes.
  ///   - offset: The offset of the lowest; outside the space nothing happens.
  package mutating func write(
    _ value: UInt32, mask: UInt32 = .max, _ width: AccessWidth, at offset: Int
  ) {
    for index in 0..<width.rawValue {
      let at = offset &+ index
      guard bytes.indices.contains(at) else { return }
      let new = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
      let meant = UInt8(truncatingIfNeeded: mask >> UInt32(8 * index))
      let taken = meant & writable[at]
      bytes[at] = (bytes[at] & ~taken & ~(new & meant & clearable[at])) | (new & taken)
    }
  }

  /// Changes bits whatever a write could do: as the device or the kernel itself does.
  package mutating func store(
    _ value: UInt32, mask: UInt32 = .max, _ width: AccessWidth, at offset: Int
  ) {
    for index in 0..<width.rawValue {
      let at = offset &+ index
      guard bytes.indices.contains(at) else { return }
      let new = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
      let meant = UInt8(truncatingIfNeeded: mask >> UInt32(8 * index))
      bytes[at] = (bytes[at] & ~meant) | (new & meant)
    }
  }

  /// What a function reset does, with the kernel's saving and restoring around it.
  package mutating func reset() {
    for offset in bytes.indices where keeping[offset] == .none {
      let lost = writable[offset] | clearable[offset]
      bytes[offset] = (bytes[offset] & ~lost) | (initial[offset] & lost & ~clearable[offset])
    }
  }

  /// Brings back the registers of the kernel's saved state.
  package mutating func restore(_ saved: [UInt8]) {
    guard saved.count == bytes.count else { return }
    for offset in bytes.indices where keeping[offset] == .saved { bytes[offset] = saved[offset] }
  }
}
