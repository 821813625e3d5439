/// The general registers of a thread.
struct GeneralRegisters: Hashable, Sendable {
  /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15.
  private(set) var values: [UInt64]
  /// RIP.
  var instruction: UInt64 = 0
  var flags: UInt64 = 0
  var fsBase: UInt64 = 0
  var gsBase: UInt64 = 0

  init() { values = [UInt64](repeating: 0, count: 16) }

  /// A whole register.
  subscript(_ number: Int) -> UInt64 {
    get { values[number & 15] }
    set { values[number & 15] = newValue }
  }

  /// The low bytes of a register.
  func value(_ register: GeneralRegister, byteCount: Int) -> UInt64 {
    let whole = self[register.number] >> (register.isHighByte ? 8 : 0)
    return whole & Self.mask(byteCount)
  }

  /// Writes the low bytes; 4 of them clear the others, as the architecture has it.
  mutating func set(_ register: GeneralRegister, byteCount: Int, to value: UInt64) {
    let shift: UInt64 = register.isHighByte ? 8 : 0
    let mask = Self.mask(byteCount) << shift
    let kept = byteCount >= 4 ? 0 : self[register.number] & ~mask
    self[register.number] = kept | (value << shift & mask)
  }

  /// The value of an operand that is no memory.
  func value(_ operand: Operand, byteCount: Int) -> UInt64 {
    switch operand {
    case .register(let register): value(register, byteCount: byteCount)
    case .constant(let value): value & Self.mask(byteCount)
    }
  }

  /// Ones in the low bytes.
  static func mask(_ byteCount: Int) -> UInt64 {
    byteCount >= 8 ? .max : (1 << UInt64(byteCount * 8)) - 1
  }
}
