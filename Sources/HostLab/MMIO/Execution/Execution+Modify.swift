extension Execution {
  /// Instructions that compute with memory.
  static func modify(
    _ action: Instruction.Action, _ address: UInt64, _ machine: inout some InstructionMachine
  ) throws(AccessProblem) {
    switch action {
    case .combine(let operation, let operand, let byteCount):
      let old = try machine.load(address, byteCount)
      let other = machine.registers.value(operand, byteCount: byteCount)
      let (result, flags) = Flags.result(
        of: operation, old, other, byteCount, machine.registers.flags)
      if operation != .compare, operation != .test {
        try machine.store(result, address, byteCount)
      }
      machine.registers.flags = flags
    case .combineIntoRegister(let operation, let register, let byteCount):
      let value = try machine.load(address, byteCount)
      let old = machine.registers.value(register, byteCount: byteCount)
      let (result, flags) = Flags.result(
        of: operation, old, value, byteCount, machine.registers.flags)
      if operation != .compare {
        machine.registers.set(register, byteCount: byteCount, to: result)
      }
      machine.registers.flags = flags
    case .change(let change, let byteCount):
      let old = try machine.load(address, byteCount)
      let (result, flags) = changed(change, old, byteCount, machine.registers.flags)
      try machine.store(result, address, byteCount)
      machine.registers.flags = flags
    case .exchange(let register, let byteCount):
      let old = try machine.load(address, byteCount)
      try machine.store(
        machine.registers.value(register, byteCount: byteCount), address, byteCount)
      machine.registers.set(register, byteCount: byteCount, to: old)
    case .exchangeAdd(let register, let byteCount):
      let old = try machine.load(address, byteCount)
      let other = machine.registers.value(register, byteCount: byteCount)
      let (result, flags) = Flags.result(of: .add, old, other, byteCount, machine.registers.flags)
      try machine.store(result, address, byteCount)
      machine.registers.set(register, byteCount: byteCount, to: old)
      machine.registers.flags = flags
    case .compareExchange(let register, let byteCount):
      let accumulator = GeneralRegister(number: 0)
      let old = try machine.load(address, byteCount)
      let expected = machine.registers.value(accumulator, byteCount: byteCount)
      let (_, flags) = Flags.result(
        of: .compare, expected, old, byteCount, machine.registers.flags)
      // The processor writes either way.
      let isEqual = expected == old
      let new = machine.registers.value(register, byteCount: byteCount)
      try machine.store(isEqual ? new : old, address, byteCount)
      if !isEqual { machine.registers.set(accumulator, byteCount: byteCount, to: old) }
      machine.registers.flags = flags
    case .bit(let change, let index, let byteCount):
      let old = try machine.load(address, byteCount)
      let bit: UInt64 = 1 << UInt64(index)
      switch change {
      case .test: break
      case .set: try machine.store(old | bit, address, byteCount)
      case .reset: try machine.store(old & ~bit, address, byteCount)
      case .complement: try machine.store(old ^ bit, address, byteCount)
      }
      machine.registers.flags &= ~Flags.carry
      if old & bit != 0 { machine.registers.flags |= Flags.carry }
    default: break
    }
  }

  private static func changed(
    _ change: Instruction.Change, _ old: UInt64, _ byteCount: Int, _ flags: UInt64
  ) -> (UInt64, UInt64) {
    switch change {
    case .complement: return (~old & GeneralRegisters.mask(byteCount), flags)
    case .negate: return Flags.result(of: .subtract, 0, old, byteCount, flags)
    case .increment, .decrement:
      // The carry stays.
      let operation: Instruction.Arithmetic = change == .increment ? .add : .subtract
      let (result, new) = Flags.result(of: operation, old, 1, byteCount, flags)
      return (result, new & ~Flags.carry | flags & Flags.carry)
    }
  }
}
