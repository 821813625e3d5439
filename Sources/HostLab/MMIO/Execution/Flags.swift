/// The flags of arithmetic.
///
/// Intel's Software Developer's Manual, volume 1, 3.4.3.
enum Flags {
  static let carry: UInt64 = 1
  static let parity: UInt64 = 1 << 2
  static let adjust: UInt64 = 1 << 4
  static let zero: UInt64 = 1 << 6
  static let sign: UInt64 = 1 << 7
  static let direction: UInt64 = 1 << 10
  static let overflow: UInt64 = 1 << 11
  static let all = carry | parity | adjust | zero | sign | overflow

  /// The result of an operation on operands of 1, 2, 4 or 8 bytes, and all flags after it.
  static func result(
    of operation: Instruction.Arithmetic, _ first: UInt64, _ second: UInt64, _ byteCount: Int,
    _ flags: UInt64
  ) -> (UInt64, UInt64) {
    let mask = GeneralRegisters.mask(byteCount)
    let top = mask ^ mask >> 1
    let a = first & mask
    let b = second & mask
    let borrowed: UInt64 = flags & carry
    var result: UInt64
    var new: UInt64 = 0
    switch operation {
    case .add, .addWithCarry:
      let extra = operation == .add ? 0 : borrowed
      result = (a &+ b &+ extra) & mask
      // Carries out of each bit, told from what the bits became.
      let carries = (a & b) | ((a | b) & ~result)
      if carries & top != 0 { new |= carry }
      if carries & 8 != 0 { new |= adjust }
      if ~(a ^ b) & (a ^ result) & top != 0 { new |= overflow }
    case .subtract, .subtractWithBorrow, .compare:
      let extra = operation == .subtractWithBorrow ? borrowed : 0
      result = (a &- b &- extra) & mask
      let borrows = (~a & b) | (~(a ^ b) & result)
      if borrows & top != 0 { new |= carry }
      if borrows & 8 != 0 { new |= adjust }
      if (a ^ b) & (a ^ result) & top != 0 { new |= overflow }
    case .and, .test: result = a & b
    case .or: result = a | b
    case .exclusiveOr: result = a ^ b
    }
    if result == 0 { new |= zero }
    if result & top != 0 { new |= sign }
    if (result & 0xff).nonzeroBitCount % 2 == 0 { new |= parity }
    return (result, flags & ~all | new)
  }
}
