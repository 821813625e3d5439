public import Hardware

/// The emulated part of a virtual config space: registers with their values, and no device.
///
/// It is a value: a copy is independent, and nothing in it is shared. Reading and writing allocate
/// nothing. A VMM uses it through ``VirtualConfigSpace``.
public struct ConfigEmulation: Hashable, Sendable {
  /// A register with its present value.
  struct Cell: Hashable, Sendable {
    let register: EmulatedRegister
    var value: UInt32
  }

  /// The registers in order of offset; no two share a byte.
  var cells: [Cell] = []

  /// The bytes that are emulated.
  public internal(set) var bytes = ConfigByteSet()

  /// Emulates nothing.
  public init() {}

  /// The registers that are emulated, in order of offset.
  public var registers: [EmulatedRegister] { cells.map(\.register) }

  /// The value of a register, or `nil` when none starts at `offset`.
  public func value(at offset: Int) -> UInt32? { index(of: offset).map { cells[$0].value } }

  /// The PASID Control register as it stands, or `nil` when no PASID capability is emulated.
  public var pasidControl: PASIDControl? {
    for cell in cells where cell.register.role == .pasidControl {
      return PASIDControl(rawValue: UInt16(truncatingIfNeeded: cell.value))
    }
    return nil
  }

  /// Reads the emulated bytes of an access.
  ///
  /// - Parameters:
  ///   - width: The number of bytes.
  ///   - offset: The offset of the lowest byte, 0 to 4,095.
  /// - Returns: The value, with zero in place of bytes that are not emulated.
  public func read(_ width: AccessWidth, at offset: Int) -> UInt32 {
    var result: UInt32 = 0
    var index = firstIndex(endingFrom: offset)
    while index < cells.count, cells[index].register.offset < offset + width.rawValue {
      result |= cells[index].value << (8 * (cells[index].register.offset - offset))
      index += 1
    }
    return result & width.mask
  }

  /// Writes the emulated bytes of an access; each register sees one write with its byte enables.
  ///
  /// - Parameters:
  ///   - value: The little-endian value.
  ///   - width: The number of bytes.
  ///   - offset: The offset of the lowest byte, 0 to 4,095.
  /// - Returns: The registers that have another value than before.
  @discardableResult
  public mutating func write(
    _ value: UInt32, _ width: AccessWidth, at offset: Int
  ) -> RegisterChanges {
    var changes = RegisterChanges()
    var index = firstIndex(endingFrom: offset)
    while index < cells.count, cells[index].register.offset < offset + width.rawValue {
      let register = cells[index].register
      let shift = 8 * (offset - register.offset)
      change(
        index,
        to: register.value(
          writing: value << shift, over: cells[index].value, bytes: width.mask << shift)
      ).map { changes.append($0) }
      index += 1
    }
    return changes
  }

  /// Changes a register from the VMM's side, as the hardware would: bits that a guest only reads
  /// or clears.
  ///
  /// Only the bits change that can: writable, write-one-to-clear and status bits. The rest of a
  /// register is part of what the device is.
  ///
  /// - Parameters:
  ///   - value: The new value.
  ///   - offset: Where the register starts.
  /// - Returns: The change; `nil` when there is none, or no such register.
  @discardableResult
  public mutating func set(_ value: UInt32, at offset: Int) -> RegisterChange? {
    guard let index = index(of: offset) else { return nil }
    let variable = cells[index].register.variable
    return change(index, to: cells[index].value & ~variable | value & variable)
  }

  /// Puts every register back to its reset value.
  ///
  /// - Returns: The registers that had another value, in order of offset.
  @discardableResult
  public mutating func reset() -> [RegisterChange] {
    cells.indices.compactMap { change($0, to: cells[$0].register.reset) }
  }

  /// Gives a register a value and tells whether it is another one.
  mutating func change(_ index: Int, to new: UInt32) -> RegisterChange? {
    let old = cells[index].value
    guard old != new else { return nil }
    cells[index].value = new
    return RegisterChange(of: cells[index].register, old: old, new: new)
  }

  /// The first register of which a byte is at `offset` or above.
  func firstIndex(endingFrom offset: Int) -> Int {
    var (low, high) = (0, cells.count)
    while low < high {
      let middle = (low + high) / 2
      if cells[middle].register.last < offset { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func index(of offset: Int) -> Int? {
    let index = firstIndex(endingFrom: offset)
    return index < cells.count && cells[index].register.offset == offset ? index : nil
  }
}
