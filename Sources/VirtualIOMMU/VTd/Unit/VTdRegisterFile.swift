/// The bytes of a unit's registers, and the rules of its rows.
///
/// It knows which bits a write changes, but not what follows from it.
struct VTdRegisterFile: Sendable {
  /// What one doubleword does with a write.
  private struct Rule {
    var writable: UInt32 = 0
    var clearable: UInt32 = 0
    /// All ones when reads answer what is held, else zero.
    var readable: UInt32 = 0
    /// Which bits the unit sets by itself, besides those that a guest can write or clear.
    var ownBits: UInt32 = 0
    /// Whether the register has 8 bytes.
    var isWide = false
  }

  private var values: [UInt32]
  private let rules: [Rule]

  /// The registers of a unit after a reset.
  init(_ configuration: VTdConfiguration) {
    var values = [UInt32](repeating: 0, count: VTdRegister.byteCount / 4)
    var rules = [Rule](repeating: Rule(), count: values.count)
    for row in VTdRegisterRow.all(of: configuration) {
      for part in 0..<row.size / 4 {
        let index = row.offset / 4 + part
        values[index] = UInt32(truncatingIfNeeded: row.reset >> (32 * part))
        rules[index] = Rule(
          writable: UInt32(truncatingIfNeeded: row.writable >> (32 * part)),
          clearable: UInt32(truncatingIfNeeded: row.clearable >> (32 * part)),
          readable: row.isReadable ? .max : 0,
          ownBits: UInt32(truncatingIfNeeded: row.ownBits >> (32 * part)), isWide: row.size == 8)
      }
    }
    self.values = values
    self.rules = rules
  }

  /// What a guest reads of a doubleword.
  ///
  /// - Parameter offset: Where it is, a multiple of 4 inside the page.
  /// - Returns: The doubleword.
  func readable(_ offset: Int) -> UInt32 { values[offset >> 2] & rules[offset >> 2].readable }

  /// Does what a guest's write to a doubleword does by its row.
  ///
  /// - Parameters:
  ///   - value: What is written.
  ///   - offset: Where, a multiple of 4 inside the page.
  mutating func guestWrites(_ value: UInt32, at offset: Int) {
    let rule = rules[offset >> 2]
    let old = values[offset >> 2]
    values[offset >> 2] =
      old & ~rule.writable & ~(value & rule.clearable) | value & rule.writable
  }

  /// Whether a register of 8 bytes is at an offset, or its higher half.
  func isWide(_ offset: Int) -> Bool { rules[offset >> 2].isWide }

  /// A register of 4 bytes, as the unit itself sees and sets it.
  subscript(_ offset: Int) -> UInt32 {
    get { values[offset >> 2] }
    set { values[offset >> 2] = newValue }
  }

  /// A register of 8 bytes, as the unit itself sees and sets it.
  subscript(wide offset: Int) -> UInt64 {
    get { UInt64(values[offset >> 2]) | UInt64(values[offset >> 2 + 1]) << 32 }
    set {
      values[offset >> 2] = UInt32(truncatingIfNeeded: newValue)
      values[offset >> 2 + 1] = UInt32(truncatingIfNeeded: newValue >> 32)
    }
  }

  /// All doublewords, for a migration.
  var contents: [UInt32] { values }

  /// Takes over what another unit of the same configuration held.
  ///
  /// - Parameter contents: All doublewords.
  /// - Returns: `nil`, or the offset of one that no guest and no unit can have brought there.
  mutating func restore(_ contents: [UInt32]) -> Int? {
    guard contents.count == values.count else { return contents.count * 4 }
    for index in values.indices {
      let possible = rules[index].writable | rules[index].clearable | rules[index].ownBits
      guard (contents[index] ^ values[index]) & ~possible == 0 else { return index * 4 }
    }
    values = contents
    return nil
  }
}
