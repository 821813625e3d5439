import Hardware

/// Why a register cannot be emulated.
public enum EmulationRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  /// The register does not start at a multiple of its width.
  case misaligned(offset: Int, bytes: Int)
  /// The register does not lie within the 4,096 bytes of a config space.
  case outOfRange(offset: Int, bytes: Int)
  /// Some of the bytes belong to the register at `existing` already.
  case overlaps(offset: Int, bytes: Int, existing: Int)

  /// The reason in words.
  public var description: String {
    switch self {
    case .misaligned(let offset, let bytes):
      "a register of \(bytes) bytes cannot start at \(offset.hex), which is not a multiple of it"
    case .outOfRange(let offset, let bytes):
      "\(bytes) bytes at \(offset.hex) do not lie within 0x0-0xfff"
    case .overlaps(let offset, let bytes, let existing):
      "\(bytes) bytes at \(offset.hex) overlap the register that is emulated at \(existing.hex)"
    }
  }
}

extension ConfigEmulation {
  /// Emulates some registers, in any order.
  ///
  /// - Parameter registers: The rows.
  /// - Throws: ``EmulationRefusal`` for the first row that cannot be emulated.
  public init(_ registers: some Sequence<EmulatedRegister>) throws(EmulationRefusal) {
    self.init()
    for register in registers { try add(register) }
  }

  /// Emulates one more register, which starts with its reset value.
  ///
  /// - Parameter register: The row.
  /// - Throws: ``EmulationRefusal``; then nothing has changed.
  public mutating func add(_ register: EmulatedRegister) throws(EmulationRefusal) {
    let (offset, bytes) = (register.offset, register.width.rawValue)
    guard offset % bytes == 0 else { throw .misaligned(offset: offset, bytes: bytes) }
    // Aligned, so its last byte is within the space when its first one is.
    guard (0..<ConfigSpace.extendedSize).contains(offset) else {
      throw .outOfRange(offset: offset, bytes: bytes)
    }
    let index = firstIndex(endingFrom: offset)
    if index < cells.count, cells[index].register.offset <= register.last {
      throw .overlaps(offset: offset, bytes: bytes, existing: cells[index].register.offset)
    }
    cells.insert(Cell(register: register, value: register.reset), at: index)
    self.bytes.insert(offset...register.last)
  }

  /// Emulates a capability that is added to the list, and the header that leads to it.
  ///
  /// One capability after the other can be added, each found by ``LayoutMap/inserting(_:at:in:)`` in
  /// the config space with the earlier ones applied: a link may replace the read-only header of an
  /// earlier one, and a capability at 0x100 an earlier placeholder there.
  ///
  /// - Parameter insertion: Where the capability goes and what leads to it.
  /// - Throws: ``EmulationRefusal``; then nothing has changed.
  public mutating func add(_ insertion: CapabilityInsertion) throws(EmulationRefusal) {
    var result = self
    for link in insertion.linkRegisters { result.removeHeader(at: link.offset) { _ in true } }
    result.removeHeader(at: ConfigSpace.extendedStart) {
      insertion.offset == ConfigSpace.extendedStart && ExtendedHeader(rawValue: $0).id == 0
    }
    for register in insertion.registers { try result.add(register) }
    self = result
  }

  /// Removes a read-only dword that an insertion is to replace.
  private mutating func removeHeader(at offset: Int, where isReplaced: (UInt32) -> Bool) {
    let index = firstIndex(endingFrom: offset)
    guard index < cells.count else { return }
    let register = cells[index].register
    guard register.offset == offset, register.width == .dword, register.variable == 0,
      isReplaced(register.reset)
    else { return }
    cells.remove(at: index)
    bytes.remove(offset...register.last)
  }
}
