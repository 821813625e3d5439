/// Moves between memory and vector registers: SSE, AVX (VEX) and AVX-512 (EVEX) without masks.
enum VectorDecoder {
  typealias Decoded = (MemoryOperand, Instruction.Action)

  /// What a prefix of the instruction says, in the two bits of VEX.
  private enum Kind: UInt8 { case none, h66, hF3, hF2 }

  /// The encoding's share of a move's meaning.
  private struct Form {
    var kind: Kind
    /// Bytes of a full vector.
    var vectorByteCount = 16
    var isWide = false
    /// VEX and EVEX clear what they do not load.
    var clearsRest = false
    /// The second source of VEX's three-operand forms.
    var merged: Int?
    /// Whether displacements of one byte count whole operands.
    var scalesDisplacement = false
    /// EVEX's fifth bit of the register.
    var registerExtension = 0
    /// EVEX names integer moves by element.
    var isEVEX = false
    /// EVEX's mask register; 0 for all elements.
    var mask = 0
    /// Whether masked elements are cleared instead of kept.
    var clearsMasked = false
  }

  /// 0f opcodes without VEX.
  static func legacy(
    _ reader: inout InstructionReader, _ opcode: UInt8
  ) throws(DecodingProblem) -> Decoded {
    let kind: Kind =
      switch reader.repetition {
      case 0xf2: .hF2
      case 0xf3: .hF3
      default: reader.has16BitOperands ? .h66 : .none
      }
    // The same opcodes with no prefix, or with 66, are MMX's.
    let isInteger = [0x6e, 0x6f, 0x7e, 0x7f, 0xd6, 0xe7].contains(opcode)
    guard !isInteger || kind != .none else { throw .unknown }
    return try move(&reader, opcode, Form(kind: kind, isWide: reader.isWide))
  }

  /// Two or three bytes of VEX.
  static func vex(
    _ reader: inout InstructionReader, _ first: UInt8
  ) throws(DecodingProblem) -> Decoded {
    guard reader.rex == nil, !reader.has16BitOperands, reader.repetition == 0 else {
      throw .unknown
    }
    var rex: UInt8
    var map: UInt8 = 1
    var last = try reader.byte()
    if first == 0xc5 {
      rex = ~last >> 5 & 4
      last &= 0x7f
    } else {
      rex = ~last >> 5 & 7
      map = last & 0x1f
      last = try reader.byte()
    }
    let isWide = last & 0x80 != 0
    rex |= isWide ? 8 : 0
    reader.rex = rex
    let form = Form(
      kind: Kind(rawValue: last & 3) ?? .none,
      vectorByteCount: last & 4 == 0 ? 16 : 32, isWide: isWide, clearsRest: true,
      merged: Int(~last >> 3 & 0xf))
    return try mapped(&reader, map, form)
  }

  /// Four bytes of EVEX.
  static func evex(_ reader: inout InstructionReader) throws(DecodingProblem) -> Decoded {
    guard reader.rex == nil, !reader.has16BitOperands, reader.repetition == 0 else {
      throw .unknown
    }
    let first = try reader.byte()
    let second = try reader.byte()
    let third = try reader.byte()
    let length = Int(third >> 5 & 3)
    // Broadcasts are no moves; only a mask can clear what it leaves out.
    let mask = Int(third & 7)
    let clearsMasked = third & 0x80 != 0
    guard first & 0x08 == 0, second & 4 != 0, third & 0x10 == 0, length < 3,
      mask != 0 || !clearsMasked
    else { throw .unknown }
    reader.rex = (~first >> 5 & 7) | (second & 0x80 != 0 ? 8 : 0)
    let form = Form(
      kind: Kind(rawValue: second & 3) ?? .none,
      vectorByteCount: 16 << length, isWide: second & 0x80 != 0, clearsRest: true,
      merged: nil, scalesDisplacement: true, registerExtension: first & 0x10 == 0 ? 16 : 0,
      isEVEX: true, mask: mask, clearsMasked: clearsMasked)
    return try mapped(&reader, first & 7, form)
  }

  private static func mapped(
    _ reader: inout InstructionReader, _ map: UInt8, _ form: Form
  ) throws(DecodingProblem) -> Decoded {
    let opcode = try reader.byte()
    switch map {
    case 1 where form.mask != 0: return try masked(&reader, opcode, form)
    case 1: return try move(&reader, opcode, form)
    case 2 where opcode == 0x2a && form.kind == .h66 && form.mask == 0:
      return try whole(&reader, form, isLoad: true)
    default: throw .unknown
    }
  }

  private static func move(
    _ reader: inout InstructionReader, _ opcode: UInt8, _ form: Form
  ) throws(DecodingProblem) -> Decoded {
    switch (opcode, form.kind) {
    case (0x10, .none), (0x10, .h66), (0x28, .none), (0x28, .h66), (0x6f, .h66), (0x6f, .hF3):
      return try whole(&reader, form, isLoad: true)
    case (0x11, .none), (0x11, .h66), (0x29, .none), (0x29, .h66), (0x7f, .h66), (0x7f, .hF3),
      (0x2b, .none), (0x2b, .h66), (0xe7, .h66):
      return try whole(&reader, form, isLoad: false)
    case (0x6f, .hF2) where form.isEVEX: return try whole(&reader, form, isLoad: true)
    case (0x7f, .hF2) where form.isEVEX: return try whole(&reader, form, isLoad: false)
    case (0xf0, .hF2) where !form.isEVEX: return try whole(&reader, form, isLoad: true)
    case (0x10, .hF3): return try part(&reader, form, 4, isLoad: true)
    case (0x10, .hF2): return try part(&reader, form, 8, isLoad: true)
    case (0x11, .hF3): return try part(&reader, form, 4, isLoad: false)
    case (0x11, .hF2): return try part(&reader, form, 8, isLoad: false)
    case (0x6e, .h66): return try part(&reader, form, form.isWide ? 8 : 4, isLoad: true)
    case (0x7e, .h66): return try part(&reader, form, form.isWide ? 8 : 4, isLoad: false)
    case (0x7e, .hF3): return try part(&reader, form, 8, isLoad: true)
    case (0xd6, .h66): return try part(&reader, form, 8, isLoad: false)
    case (0x12, .none), (0x12, .h66): return try half(&reader, form, 0, isLoad: true)
    case (0x16, .none), (0x16, .h66): return try half(&reader, form, 8, isLoad: true)
    case (0x13, .none), (0x13, .h66): return try half(&reader, form, 0, isLoad: false)
    case (0x17, .none), (0x17, .h66): return try half(&reader, form, 8, isLoad: false)
    default: throw .unknown
    }
  }

  /// Moves under a mask.
  private static func masked(
    _ reader: inout InstructionReader, _ opcode: UInt8, _ form: Form
  ) throws(DecodingProblem) -> Decoded {
    let elementByteCount: Int
    switch (opcode, form.kind) {
    case (0x6f, .hF2), (0x7f, .hF2): elementByteCount = form.isWide ? 2 : 1
    case (0x6f, .hF3), (0x7f, .hF3), (0x6f, .h66), (0x7f, .h66):
      elementByteCount = form.isWide ? 8 : 4
    case (0x10, .none), (0x11, .none), (0x28, .none), (0x29, .none): elementByteCount = 4
    case (0x10, .h66), (0x11, .h66), (0x28, .h66), (0x29, .h66): elementByteCount = 8
    default: throw .unknown
    }
    let isLoad = [0x6f, 0x10, 0x28].contains(opcode)
    guard isLoad || !form.clearsMasked else { throw .unknown }
    let (register, memory) = try operands(&reader, form, form.vectorByteCount)
    return (
      memory,
      .moveMasked(
        .init(
          register: register, byteCount: form.vectorByteCount,
          elementByteCount: elementByteCount, mask: form.mask,
          clearsOthers: form.clearsMasked, isLoad: isLoad))
    )
  }

  /// All bytes of a vector.
  private static func whole(
    _ reader: inout InstructionReader, _ form: Form, isLoad: Bool
  ) throws(DecodingProblem) -> Decoded {
    let count = form.vectorByteCount
    let (register, memory) = try operands(&reader, form, count)
    guard isLoad else { return (memory, .storeVector(register, offset: 0, byteCount: count)) }
    return (
      memory,
      .loadVector(
        .init(register: register, byteCount: count, clearedCount: form.clearsRest ? 64 : count))
    )
  }

  /// The low bytes; a load clears the others.
  private static func part(
    _ reader: inout InstructionReader, _ form: Form, _ count: Int, isLoad: Bool
  ) throws(DecodingProblem) -> Decoded {
    let (register, memory) = try operands(&reader, form, count)
    guard isLoad else { return (memory, .storeVector(register, offset: 0, byteCount: count)) }
    return (
      memory,
      .loadVector(
        .init(register: register, byteCount: count, clearedCount: form.clearsRest ? 64 : 16))
    )
  }

  /// One half of the low 16 bytes; the other half stays, or comes from another register.
  private static func half(
    _ reader: inout InstructionReader, _ form: Form, _ offset: Int, isLoad: Bool
  ) throws(DecodingProblem) -> Decoded {
    // EVEX's second source has a fifth bit that is not kept here.
    guard !form.isEVEX else { throw .unknown }
    let (register, memory) = try operands(&reader, form, 8)
    guard isLoad else {
      return (memory, .storeVector(register, offset: offset, byteCount: 8))
    }
    return (
      memory,
      .loadVector(
        .init(
          register: register, offset: offset, byteCount: 8,
          clearedCount: form.clearsRest ? 64 : 0, mergedRegister: form.merged))
    )
  }

  private static func operands(
    _ reader: inout InstructionReader, _ form: Form, _ byteCount: Int
  ) throws(DecodingProblem) -> (Int, MemoryOperand) {
    let operands = try reader.operands(
      displacementScale: form.scalesDisplacement ? UInt64(byteCount) : 1)
    return (operands.register | form.registerExtension, operands.memory)
  }
}
