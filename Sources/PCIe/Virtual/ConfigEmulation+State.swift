import Hardware

/// The value of one emulated register, as a migration carries it.
public struct EmulatedValue: Hashable, Sendable, Codable {
  /// The register's offset.
  public let offset: Int
  /// The register's size in bytes.
  public let bytes: Int
  /// Its value.
  public let value: UInt32

  /// Makes a value from its parts.
  ///
  /// - Parameters:
  ///   - offset: The register's offset.
  ///   - bytes: The register's size in bytes.
  ///   - value: Its value.
  public init(offset: Int, bytes: Int, value: UInt32) {
    self.offset = offset
    self.bytes = bytes
    self.value = value
  }
}

/// Why the state of another virtual config space cannot be taken over.
public enum EmulatedStateError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The two do not emulate the same registers.
  ///
  /// At `offset` this side has a register of `here` bytes and the state one of `state` bytes; 0
  /// where there is none.
  case layout(offset: Int, here: Int, state: Int)
  /// The registers differ in bits that never change: they are not the same device to a guest.
  case constantBits(offset: Int, bytes: Int, here: UInt32, state: UInt32)

  /// The difference in words.
  public var description: String {
    switch self {
    case .layout(let offset, let here, let state):
      "at \(offset.hex) this side emulates \(here) bytes and the saved state has \(state)"
    case .constantBits(let offset, let bytes, let here, let state):
      "the \(bytes) bytes at \(offset.hex) are 0x\(here.hex(digits: 2 * bytes)) on this side and "
        + "0x\(state.hex(digits: 2 * bytes)) in the saved state, which differ in read-only bits"
    }
  }
}

extension ConfigEmulation {
  /// The values of all registers, in order of offset.
  public var state: [EmulatedValue] {
    cells.map {
      EmulatedValue(
        offset: $0.register.offset, bytes: $0.register.width.rawValue, value: $0.value)
    }
  }

  /// Takes over the values that a space with the same registers had.
  ///
  /// - Parameter state: What ``state`` was on the other side.
  /// - Returns: The registers that have another value than before, so that the VMM can act on them.
  /// - Throws: ``EmulatedStateError`` for the first difference; then nothing has changed.
  @discardableResult
  public mutating func restore(
    _ state: [EmulatedValue]
  ) throws(EmulatedStateError) -> [RegisterChange] {
    for index in 0..<max(cells.count, state.count) {
      let here = index < cells.count ? cells[index].register : nil
      let there = index < state.count ? state[index] : nil
      guard let here, let there, here.offset == there.offset, here.width.rawValue == there.bytes
      else { throw difference(here, there) }
      guard (there.value ^ here.reset) & ~here.variable == 0 else {
        throw .constantBits(
          offset: here.offset, bytes: there.bytes, here: here.reset, state: there.value)
      }
    }
    return state.indices.compactMap { change($0, to: state[$0].value) }
  }

  /// Names the lower of two registers that should have been the same, or both when they start at
  /// the same offset.
  private func difference(
    _ here: EmulatedRegister?, _ there: EmulatedValue?
  ) -> EmulatedStateError {
    let offset = min(here?.offset ?? .max, there?.offset ?? .max)
    return .layout(
      offset: offset,
      here: here.flatMap { $0.offset == offset ? $0.width.rawValue : nil } ?? 0,
      state: there.flatMap { $0.offset == offset ? $0.bytes : nil } ?? 0)
  }
}
