/// Carries out an instruction on a stopped thread: its access, its registers and flags, and the step
/// to the next instruction.
///
/// Accesses wider than 8 bytes are made in ascending pieces of 8. A locked instruction is a load and
/// a store: other threads' accesses to devices come after, those to memory may come in between.
enum Execution {
  /// Elements of a repeated string instruction at one go; the thread comes again for the rest.
  private static let elementLimit = 1024

  /// Carries it out.
  ///
  /// - Parameters:
  ///   - instruction: What stands at the thread's instruction pointer.
  ///   - machine: The thread.
  /// - Throws: ``AccessProblem``; the registers are then as they were, but for elements of a string
  ///   that were done, as on the processor.
  static func run(
    _ instruction: Instruction, on machine: inout some InstructionMachine
  ) throws(AccessProblem) {
    if case .string(let action, let byteCount, let isRepeated, let isNarrow) = instruction.action {
      let isDone = try string(
        action, byteCount, isRepeated, isNarrow, instruction.memory, &machine)
      if isDone { machine.registers.instruction &+= UInt64(instruction.byteCount) }
      return
    }
    let address = instruction.memory.address(machine.registers, after: instruction.byteCount)
    try access(instruction.action, address, &machine)
    machine.registers.instruction &+= UInt64(instruction.byteCount)
  }

  private static func access(
    _ action: Instruction.Action, _ address: UInt64, _ machine: inout some InstructionMachine
  ) throws(AccessProblem) {
    switch action {
    case .load(let register, let byteCount, let width, let isSigned):
      let value = try machine.load(address, byteCount)
      let extended = isSigned ? InstructionReader.signExtended(value, byteCount) : value
      machine.registers.set(register, byteCount: width, to: extended)
    case .store(let operand, let byteCount):
      try machine.store(
        machine.registers.value(operand, byteCount: byteCount), address, byteCount)
    case .loadSwapped(let register, let byteCount):
      let value = try machine.load(address, byteCount)
      machine.registers.set(register, byteCount: byteCount, to: swapped(value, byteCount))
    case .storeSwapped(let register, let byteCount):
      let value = machine.registers.value(register, byteCount: byteCount)
      try machine.store(swapped(value, byteCount), address, byteCount)
    case .combine, .combineIntoRegister, .change, .exchange, .exchangeAdd, .compareExchange, .bit:
      try modify(action, address, &machine)
    case .loadVector(let load): try loadVector(load, address, &machine)
    case .storeVector(let register, let offset, let byteCount):
      let bytes = try machine.vector(register)[offset..<offset + byteCount]
      try storeBytes(bytes, address, &machine)
    case .moveMasked(let move): try moveMasked(move, address, &machine)
    case .string: break  // Carried out before.
    case .moveBlock(let move, let register, let isNarrow):
      try moveBlock(move, register, isNarrow, address, &machine)
    }
  }

  private static func swapped(_ value: UInt64, _ byteCount: Int) -> UInt64 {
    value.byteSwapped >> UInt64(64 - byteCount * 8)
  }

  private static func loadVector(
    _ load: Instruction.VectorLoad, _ address: UInt64, _ machine: inout some InstructionMachine
  ) throws(AccessProblem) {
    var bytes = try machine.vector(load.register)
    for index in 0..<min(load.clearedCount, bytes.count) { bytes[index] = 0 }
    if let merged = load.mergedRegister {
      bytes.replaceSubrange(0..<16, with: try machine.vector(merged)[0..<16])
    }
    var position = 0
    while position < load.byteCount {
      let count = min(8, load.byteCount - position)
      let value = try machine.load(address &+ UInt64(position), count)
      for index in 0..<count {
        bytes[load.offset + position + index] = UInt8(
          truncatingIfNeeded: value >> UInt64(index * 8))
      }
      position += count
    }
    try machine.setVector(load.register, bytes)
  }

  private static func storeBytes(
    _ bytes: ArraySlice<UInt8>, _ address: UInt64, _ machine: inout some InstructionMachine
  ) throws(AccessProblem) {
    var address = address
    var rest = bytes
    while !rest.isEmpty {
      let piece = rest.prefix(8)
      let value = piece.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      try machine.store(value, address, piece.count)
      address &+= UInt64(piece.count)
      rest = rest.dropFirst(8)
    }
  }

  private static func moveBlock(
    _ move: Instruction.BlockMove, _ register: GeneralRegister, _ isNarrow: Bool,
    _ source: UInt64, _ machine: inout some InstructionMachine
  ) throws(AccessProblem) {
    let target = machine.registers.value(register, byteCount: isNarrow ? 4 : 8)
    guard target & 63 == 0 else { throw .address }
    var block: [UInt8] = []
    for index in 0..<8 {
      let value = try machine.load(source &+ UInt64(index * 8), 8)
      for byte in 0..<8 { block.append(UInt8(truncatingIfNeeded: value >> UInt64(byte * 8))) }
    }
    let isTaken = try machine.store(block: block, target, waits: move != .direct)
    guard move != .direct else { return }
    // ENQCMD: ZF says retry, the other flags are cleared.
    machine.registers.flags &= ~Flags.all
    if !isTaken { machine.registers.flags |= Flags.zero }
  }

  /// Carries out elements; answers whether the instruction has done its last one.
  private static func string(
    _ action: Instruction.StringAction, _ byteCount: Int, _ isRepeated: Bool, _ isNarrow: Bool,
    _ memory: MemoryOperand, _ machine: inout some InstructionMachine
  ) throws(AccessProblem) -> Bool {
    let width = isNarrow ? 4 : 8
    let count = GeneralRegister(number: 1)
    let source = GeneralRegister(number: 6)
    let target = GeneralRegister(number: 7)
    let accumulator = GeneralRegister(number: 0)
    let isBackward = machine.registers.flags & Flags.direction != 0
    let step = isBackward ? 0 &- UInt64(byteCount) : UInt64(byteCount)
    for _ in 0..<elementLimit {
      var left = machine.registers.value(count, byteCount: width)
      if isRepeated, left == 0 { return true }
      let value =
        switch action {
        case .store: machine.registers.value(accumulator, byteCount: byteCount)
        case .move, .load:
          try machine.load(memory.address(machine.registers, after: 0), byteCount)
        }
      switch action {
      case .load: machine.registers.set(accumulator, byteCount: byteCount, to: value)
      case .move, .store:
        try machine.store(value, machine.registers.value(target, byteCount: width), byteCount)
        let next = machine.registers.value(target, byteCount: width) &+ step
        machine.registers.set(target, byteCount: width, to: next)
      }
      if action != .store {
        let next = machine.registers.value(source, byteCount: width) &+ step
        machine.registers.set(source, byteCount: width, to: next)
      }
      guard isRepeated else { return true }
      left &-= 1
      machine.registers.set(count, byteCount: width, to: left)
    }
    return machine.registers.value(count, byteCount: width) == 0
  }
}
