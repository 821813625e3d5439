/// An instruction of x86-64 that accesses memory, as far as programs use such ones on registers.
struct Instruction: Hashable, Sendable {
  /// Its bytes, prefixes included.
  var byteCount: Int
  /// Its place in memory; for string instructions and ``Action/moveBlock(_:source:)`` the source.
  var memory: MemoryOperand
  var action: Action
  /// Whether the instruction is MOVDIRI, which does not exist on every processor.
  var isDirectStore = false

  /// Whether processors may raise an invalid-opcode exception for it that is to be made up for.
  var mayBeMissing: Bool {
    if case .moveBlock = action { return true }
    return isDirectStore
  }

  /// What it does with its memory operand.
  enum Action: Hashable, Sendable {
    /// Memory to a register: zero or sign extended to `width` bytes.
    case load(GeneralRegister, byteCount: Int, width: Int, isSigned: Bool)
    /// A register or a constant to memory.
    case store(Operand, byteCount: Int)
    /// Memory, with its bytes turned round, to a register.
    case loadSwapped(GeneralRegister, byteCount: Int)
    /// A register, with its bytes turned round, to memory.
    case storeSwapped(GeneralRegister, byteCount: Int)
    /// Memory and another operand; the result goes to memory.
    case combine(Arithmetic, Operand, byteCount: Int)
    /// Memory and a register; the result goes to the register.
    case combineIntoRegister(Arithmetic, GeneralRegister, byteCount: Int)
    /// Memory alone.
    case change(Change, byteCount: Int)
    /// Memory against a register.
    case exchange(GeneralRegister, byteCount: Int)
    /// Memory plus a register; the register gets what memory was.
    case exchangeAdd(GeneralRegister, byteCount: Int)
    /// A register to memory where memory equals the accumulator.
    case compareExchange(GeneralRegister, byteCount: Int)
    /// One bit of memory.
    case bit(BitChange, index: Int, byteCount: Int)
    /// Memory to a vector register, or a part of one.
    case loadVector(VectorLoad)
    /// The part of a vector register that starts at `offset` to memory.
    case storeVector(Int, offset: Int, byteCount: Int)
    /// Elements that a mask register chooses, between memory and a vector register.
    case moveMasked(MaskedMove)
    /// A string instruction, once or as often as RCX says.
    case string(StringAction, byteCount: Int, isRepeated: Bool, has32BitAddresses: Bool)
    /// 64 bytes from memory to the place that a register holds.
    case moveBlock(BlockMove, to: GeneralRegister, has32BitAddresses: Bool)
  }

  /// Operations of two operands that set flags.
  enum Arithmetic: Int, Hashable, Sendable {
    case add, or, addWithCarry, subtractWithBorrow, and, subtract, exclusiveOr, compare, test
  }

  enum Change: Hashable, Sendable { case increment, decrement, complement, negate }
  enum BitChange: Int, Hashable, Sendable { case test, set, reset, complement }
  enum StringAction: Hashable, Sendable { case move, store, load }
  /// MOVDIR64B; ENQCMD; ENQCMDS.
  enum BlockMove: Hashable, Sendable { case direct, enqueue, enqueueSupervisor }

  /// Where loaded bytes go in a vector register, and what becomes of the others.
  struct VectorLoad: Hashable, Sendable {
    var register: Int
    /// The first byte of the register that is loaded.
    var offset = 0
    var byteCount: Int
    /// The bytes of the register, from its start, that are not kept as they were.
    var clearedCount: Int
    /// A register whose low 16 bytes come in before the load.
    var mergedRegister: Int?
  }

  /// A move of AVX-512 that leaves elements out.
  struct MaskedMove: Hashable, Sendable {
    var register: Int
    var byteCount: Int
    var elementByteCount: Int
    /// K1 to K7.
    var mask: Int
    /// Whether elements that are left out of a load are cleared; else they stay.
    var clearsOthers: Bool
    var isLoad: Bool
  }
}

/// A general register as an instruction names it.
struct GeneralRegister: Hashable, Sendable {
  /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 and so on.
  var number: Int
  /// AH, CH, DH or BH: the second byte of the register.
  var isHighByte = false
}

/// A value that is no memory.
enum Operand: Hashable, Sendable {
  case register(GeneralRegister)
  case constant(UInt64)
}

/// How an instruction names a place in memory.
struct MemoryOperand: Hashable, Sendable {
  enum Segment: Hashable, Sendable { case flat, fs, gs }

  var base: Int?
  var index: Int?
  var scale: UInt64 = 1
  var displacement: UInt64 = 0
  /// Whether the displacement counts from the end of the instruction.
  var isRelative = false
  var has32BitAddresses = false
  var segment = Segment.flat

  /// The address.
  func address(_ registers: GeneralRegisters, after byteCount: Int) -> UInt64 {
    var address = displacement
    if let base { address &+= registers[base] }
    if let index { address &+= registers[index] &* scale }
    if isRelative { address &+= registers.instruction &+ UInt64(byteCount) }
    if has32BitAddresses { address &= 0xffff_ffff }
    switch segment {
    case .flat: return address
    case .fs: return address &+ registers.fsBase
    case .gs: return address &+ registers.gsBase
    }
  }
}
