/// Decodes the instruction that a program's thread stands at.
///
/// Intel's Software Developer's Manual, volume 2: instruction format in chapter 2, opcodes in the
/// maps of appendix A. Answers instructions with a memory operand that programs use on registers of
/// devices; everything else is a ``DecodingProblem``.
enum InstructionDecoder {
  /// Decodes one instruction of 64-bit mode.
  static func decode(_ bytes: [UInt8]) throws(DecodingProblem) -> Instruction {
    var reader = InstructionReader(bytes)
    let opcode = try reader.opcode()
    let (memory, action): (MemoryOperand, Instruction.Action) =
      switch opcode {
      case 0x0f: try twoBytes(&reader)
      case 0xc4, 0xc5: try VectorDecoder.vex(&reader, opcode)
      case 0x62: try VectorDecoder.evex(&reader)
      default: try oneByte(&reader, opcode)
      }
    if reader.isLocked {
      guard isLockable(action) else { throw .unknown }
    }
    return Instruction(
      byteCount: reader.position, memory: memory, action: action,
      isDirectStore: reader.isDirectStore)
  }

  private static func isLockable(_ action: Instruction.Action) -> Bool {
    switch action {
    case .combine(let operation, _, _): operation != .compare && operation != .test
    case .bit(let change, _, _): change != .test
    case .change, .exchange, .exchangeAdd, .compareExchange: true
    default: false
    }
  }

  private static func oneByte(
    _ reader: inout InstructionReader, _ opcode: UInt8
  ) throws(DecodingProblem) -> (MemoryOperand, Instruction.Action) {
    // The lowest bit of nearly all of them tells a byte from a wider operand.
    let size = opcode & 1 == 0 ? 1 : reader.operandByteCount
    switch opcode {
    case 0x00...0x3f where opcode & 7 < 4:
      let operation = Instruction.Arithmetic(rawValue: Int(opcode >> 3)) ?? .test
      let operands = try reader.operands()
      let register = reader.register(operands.register, byteCount: size)
      guard opcode & 2 == 0 else {
        return (operands.memory, .combineIntoRegister(operation, register, byteCount: size))
      }
      return (operands.memory, .combine(operation, .register(register), byteCount: size))
    case 0x63:
      let operands = try reader.operands()
      return (
        operands.memory,
        .load(
          GeneralRegister(number: operands.register), byteCount: min(4, reader.operandByteCount),
          width: reader.operandByteCount, isSigned: true)
      )
    case 0x80, 0x81, 0x83:
      let operands = try reader.operands()
      let value = try reader.signed(opcode == 0x81 ? min(4, size) : 1)
      let operation = Instruction.Arithmetic(rawValue: operands.group) ?? .test
      return (operands.memory, .combine(operation, .constant(value), byteCount: size))
    case 0x84, 0x85:
      let operands = try reader.operands()
      let register = reader.register(operands.register, byteCount: size)
      return (operands.memory, .combine(.test, .register(register), byteCount: size))
    case 0x86, 0x87:
      let operands = try reader.operands()
      let register = reader.register(operands.register, byteCount: size)
      return (operands.memory, .exchange(register, byteCount: size))
    case 0x88, 0x89:
      let operands = try reader.operands()
      let register = reader.register(operands.register, byteCount: size)
      return (operands.memory, .store(.register(register), byteCount: size))
    case 0x8a, 0x8b:
      let operands = try reader.operands()
      let register = reader.register(operands.register, byteCount: size)
      return (
        operands.memory, .load(register, byteCount: size, width: size, isSigned: false)
      )
    case 0xa0...0xa3: return try absolute(&reader, opcode, size)
    case 0xa4, 0xa5: return string(reader, .move, size)
    case 0xaa, 0xab: return string(reader, .store, size)
    case 0xac, 0xad: return string(reader, .load, size)
    case 0xc6, 0xc7:
      let operands = try reader.operands()
      guard operands.group == 0 else { throw .unknown }
      let value = try reader.signed(min(4, size))
      return (operands.memory, .store(.constant(value), byteCount: size))
    case 0xf6, 0xf7: return try unary(&reader, size)
    case 0xfe, 0xff:
      let operands = try reader.operands()
      guard operands.group < 2 else { throw .unknown }
      return (
        operands.memory, .change(operands.group == 0 ? .increment : .decrement, byteCount: size)
      )
    default: throw .unknown
    }
  }

  /// The accumulator and an address that stands in the instruction.
  private static func absolute(
    _ reader: inout InstructionReader, _ opcode: UInt8, _ size: Int
  ) throws(DecodingProblem) -> (MemoryOperand, Instruction.Action) {
    let address = try reader.number(reader.has32BitAddresses ? 4 : 8)
    let memory = MemoryOperand(displacement: address, segment: reader.segment)
    let accumulator = GeneralRegister(number: 0)
    guard opcode & 2 == 0 else {
      return (memory, .store(.register(accumulator), byteCount: size))
    }
    return (memory, .load(accumulator, byteCount: size, width: size, isSigned: false))
  }

  private static func string(
    _ reader: InstructionReader, _ action: Instruction.StringAction, _ size: Int
  ) -> (MemoryOperand, Instruction.Action) {
    let source = 6
    let memory = MemoryOperand(
      base: source, has32BitAddresses: reader.has32BitAddresses, segment: reader.segment)
    return (
      memory,
      .string(
        action, byteCount: size, isRepeated: reader.repetition != 0,
        has32BitAddresses: reader.has32BitAddresses)
    )
  }

  private static func unary(
    _ reader: inout InstructionReader, _ size: Int
  ) throws(DecodingProblem) -> (MemoryOperand, Instruction.Action) {
    let operands = try reader.operands()
    switch operands.group {
    case 0, 1:
      let value = try reader.signed(min(4, size))
      return (operands.memory, .combine(.test, .constant(value), byteCount: size))
    case 2: return (operands.memory, .change(.complement, byteCount: size))
    case 3: return (operands.memory, .change(.negate, byteCount: size))
    default: throw .unknown
    }
  }

  private static func twoBytes(
    _ reader: inout InstructionReader
  ) throws(DecodingProblem) -> (MemoryOperand, Instruction.Action) {
    let opcode = try reader.byte()
    let size = opcode & 1 == 0 ? 1 : reader.operandByteCount
    switch opcode {
    case 0x38: return try threeBytes(&reader)
    case 0xb0, 0xb1, 0xc0, 0xc1:
      let operands = try reader.operands()
      let register = reader.register(operands.register, byteCount: size)
      guard opcode >= 0xc0 else {
        return (operands.memory, .compareExchange(register, byteCount: size))
      }
      return (operands.memory, .exchangeAdd(register, byteCount: size))
    case 0xb6, 0xb7, 0xbe, 0xbf:
      let operands = try reader.operands()
      return (
        operands.memory,
        .load(
          GeneralRegister(number: operands.register), byteCount: opcode & 1 == 0 ? 1 : 2,
          width: reader.operandByteCount, isSigned: opcode >= 0xbe)
      )
    case 0xba:
      let operands = try reader.operands()
      guard let change = Instruction.BitChange(rawValue: operands.group - 4) else { throw .unknown }
      let size = reader.operandByteCount
      let index = Int(try reader.byte()) & (size * 8 - 1)
      return (operands.memory, .bit(change, index: index, byteCount: size))
    case 0xc3 where reader.repetition == 0 && !reader.has16BitOperands:
      let operands = try reader.operands()
      let register = GeneralRegister(number: operands.register)
      return (
        operands.memory, .store(.register(register), byteCount: reader.operandByteCount)
      )
    default: return try VectorDecoder.legacy(&reader, opcode)
    }
  }

  /// The map behind 0f 38.
  private static func threeBytes(
    _ reader: inout InstructionReader
  ) throws(DecodingProblem) -> (MemoryOperand, Instruction.Action) {
    let opcode = try reader.byte()
    switch (opcode, reader.repetition) {
    case (0x2a, 0) where reader.has16BitOperands:
      let operands = try reader.operands()
      return (
        operands.memory,
        .loadVector(.init(register: operands.register, byteCount: 16, clearedCount: 16))
      )
    case (0xf0, 0), (0xf1, 0):
      let operands = try reader.operands()
      let register = GeneralRegister(number: operands.register)
      let size = reader.operandByteCount
      return (
        operands.memory,
        opcode == 0xf0
          ? .loadSwapped(register, byteCount: size) : .storeSwapped(register, byteCount: size)
      )
    case (0xf8, 0) where reader.has16BitOperands: return try block(&reader, .direct)
    case (0xf8, 0xf2): return try block(&reader, .enqueue)
    case (0xf8, 0xf3): return try block(&reader, .enqueueSupervisor)
    case (0xf9, 0) where !reader.has16BitOperands:
      let operands = try reader.operands()
      let register = GeneralRegister(number: operands.register)
      reader.isDirectStore = true
      return (operands.memory, .store(.register(register), byteCount: reader.isWide ? 8 : 4))
    default: throw .unknown
    }
  }

  private static func block(
    _ reader: inout InstructionReader, _ move: Instruction.BlockMove
  ) throws(DecodingProblem) -> (MemoryOperand, Instruction.Action) {
    let operands = try reader.operands()
    return (
      operands.memory,
      .moveBlock(
        move, to: GeneralRegister(number: operands.register),
        has32BitAddresses: reader.has32BitAddresses)
    )
  }
}
