/// The config space that a guest sees: a device's own bytes, and registers emulated in its place.
///
/// An access is its bytes, at any offset and in any alignment. Emulated bytes are answered by
/// ``emulation`` and never reach the device; the others are moved between guest and device in the
/// fewest naturally aligned accesses that cover them and nothing else, so an aligned access without
/// emulated bytes reaches the device as it is. Bytes outside 0 to 4,095 read as ones, and what is
/// written to them is dropped, as on a bus: guests may ask for anything.
///
/// Neither reading nor writing allocates. The space is not locked: a VMM wraps it in a `Mutex` or
/// serves it from one thread.
public struct VirtualConfigSpace<Physical: PhysicalConfigSpace & ~Copyable>: ~Copyable {
  /// The device.
  public var physical: Physical
  /// The registers that stand in front of it.
  public var emulation: ConfigEmulation

  /// Puts emulated registers in front of a device.
  ///
  /// - Parameters:
  ///   - physical: The device.
  ///   - emulation: The registers; without any, the guest sees the device as it is.
  public init(_ physical: consuming Physical, emulation: ConfigEmulation = ConfigEmulation()) {
    self.physical = physical
    self.emulation = emulation
  }

  /// Answers a guest's read.
  ///
  /// - Parameters:
  ///   - width: The number of bytes.
  ///   - offset: The offset of the lowest byte.
  /// - Returns: The little-endian value, zero beyond the width.
  @inlinable
  public mutating func read(_ width: AccessWidth, at offset: Int) -> UInt32 {
    guard (0..<ConfigSpace.extendedSize).contains(offset) else { return width.mask }
    let emulated = emulation.bytes.members(of: width, at: offset)
    let split = ConfigAccessSplit(width, at: offset, without: emulated)
    var result = split.outside
    if emulated != 0 { result |= emulation.read(width, at: offset) }
    for part in split {
      let value = physical.read(part.width, at: part.offset) & part.width.mask
      result |= value << (8 * (part.offset - offset))
    }
    return result
  }

  /// Carries out a guest's write: first the bytes of the device, then the emulated ones.
  ///
  /// - Parameters:
  ///   - value: The little-endian value; bits beyond the width are ignored.
  ///   - width: The number of bytes.
  ///   - offset: The offset of the lowest byte.
  /// - Returns: The emulated registers that have another value than before, such as
  ///   `changes.pasidControl`, on which the VMM acts.
  @inlinable
  @discardableResult
  public mutating func write(
    _ value: UInt32, _ width: AccessWidth, at offset: Int
  ) -> RegisterChanges {
    guard (0..<ConfigSpace.extendedSize).contains(offset) else { return RegisterChanges() }
    let emulated = emulation.bytes.members(of: width, at: offset)
    for part in ConfigAccessSplit(width, at: offset, without: emulated) {
      let bits = value >> (8 * (part.offset - offset)) & part.width.mask
      physical.write(bits, part.width, at: part.offset)
    }
    return emulated == 0 ? RegisterChanges() : emulation.write(value, width, at: offset)
  }
}

extension VirtualConfigSpace: Copyable where Physical: Copyable {}
extension VirtualConfigSpace: Sendable where Physical: Sendable & ~Copyable {}

extension VirtualConfigSpace where Physical: ~Copyable {
  /// Puts a new capability in front of a device.
  ///
  /// - Parameters:
  ///   - physical: The device.
  ///   - insertion: The capability and where it goes.
  /// - Throws: ``EmulationRefusal`` when rows of the insertion overlap.
  public init(
    _ physical: consuming Physical, inserting insertion: CapabilityInsertion
  ) throws(EmulationRefusal) {
    self.init(physical, emulation: try ConfigEmulation(insertion.registers))
  }
}
