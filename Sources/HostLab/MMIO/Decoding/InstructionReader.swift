/// Bytes of an instruction, taken one after another; at most 15, as the architecture allows.
struct InstructionReader {
  private let bytes: [UInt8]
  private(set) var position = 0

  // Prefixes.
  var has16BitOperands = false
  var has32BitAddresses = false
  /// The last of 0xf2 and 0xf3; 0 for none.
  var repetition: UInt8 = 0
  var isLocked = false
  var segment = MemoryOperand.Segment.flat
  /// Whether the opcode was MOVDIRI's.
  var isDirectStore = false
  /// REX's low four bits; `nil` without one.
  var rex: UInt8?

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func byte() throws(DecodingProblem) -> UInt8 {
    guard position < min(15, bytes.count) else { throw .truncated }
    defer { position += 1 }
    return bytes[position]
  }

  /// A number of 1, 2, 4 or 8 bytes.
  mutating func number(_ byteCount: Int) throws(DecodingProblem) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<byteCount { value |= UInt64(try byte()) << UInt64(index * 8) }
    return value
  }

  /// A number whose sign goes on in the upper bits.
  mutating func signed(_ byteCount: Int) throws(DecodingProblem) -> UInt64 {
    Self.signExtended(try number(byteCount), byteCount)
  }

  static func signExtended(_ value: UInt64, _ byteCount: Int) -> UInt64 {
    let shift = UInt64(64 - min(8, byteCount) * 8)
    return UInt64(bitPattern: Int64(bitPattern: value << shift) >> Int64(shift))
  }

  /// Takes all prefixes and the first byte behind them.
  mutating func opcode() throws(DecodingProblem) -> UInt8 {
    while true {
      let next = try byte()
      switch next {
      case 0x66: has16BitOperands = true
      case 0x67: has32BitAddresses = true
      case 0xf2, 0xf3: repetition = next
      case 0xf0: isLocked = true
      case 0x64: segment = .fs
      case 0x65: segment = .gs
      case 0x26, 0x2e, 0x36, 0x3e: break  // Without a meaning in 64-bit mode.
      case 0x40...0x4f:
        // Only the one right before the opcode counts.
        rex = next & 0xf
        continue
      default: return next
      }
      rex = nil
    }
  }

  var isWide: Bool { (rex ?? 0) & 8 != 0 }
  /// Bytes of an operand that is not a byte.
  var operandByteCount: Int { isWide ? 8 : has16BitOperands ? 2 : 4 }

  /// A register as its three or four bits name it.
  func register(_ number: Int, byteCount: Int) -> GeneralRegister {
    // Without REX, byte registers 4 to 7 are the second bytes of 0 to 3.
    guard byteCount == 1, rex == nil, (4...7).contains(number) else {
      return GeneralRegister(number: number)
    }
    return GeneralRegister(number: number - 4, isHighByte: true)
  }

  /// ModR/M with what follows it.
  struct Operands {
    /// The register, REX.R included.
    var register: Int
    /// The three bits that are a part of the opcode instead.
    var group: Int
    var memory: MemoryOperand
  }

  /// Takes ModR/M, SIB and displacement of an instruction with a memory operand.
  ///
  /// - Parameter displacementScale: What a displacement of one byte counts: 1, or more with EVEX.
  /// - Returns: The operands.
  /// - Throws: ``DecodingProblem`` when it names two registers, or ends too early.
  mutating func operands(displacementScale: UInt64 = 1) throws(DecodingProblem) -> Operands {
    let modes = try byte()
    let extension_ = rex ?? 0
    let group = Int(modes >> 3 & 7)
    let mode = modes >> 6
    guard mode != 3 else { throw .noMemoryOperand }
    var memory = MemoryOperand(has32BitAddresses: has32BitAddresses, segment: segment)
    let low = Int(modes & 7)
    var hasWideDisplacement = mode == 2
    if low == 4 {
      let parts = try byte()
      let index = Int(parts >> 3 & 7) | Int(extension_ << 2 & 8)
      if index != 4 {
        memory.index = index
        memory.scale = 1 << UInt64(parts >> 6)
      }
      if parts & 7 == 5, mode == 0 {
        hasWideDisplacement = true
      } else {
        memory.base = Int(parts & 7) | Int(extension_ << 3 & 8)
      }
    } else if low == 5, mode == 0 {
      memory.isRelative = true
      hasWideDisplacement = true
    } else {
      memory.base = low | Int(extension_ << 3 & 8)
    }
    if hasWideDisplacement {
      memory.displacement = try signed(4)
    } else if mode == 1 {
      memory.displacement = try signed(1) &* displacementScale
    }
    return Operands(register: group | Int(extension_ << 1 & 8), group: group, memory: memory)
  }
}

/// Why bytes are no instruction that can be carried out here.
enum DecodingProblem: Error, Hashable, Sendable {
  /// More bytes are needed than there are.
  case truncated
  /// It names registers only.
  case noMemoryOperand
  /// It is none of those that are known.
  case unknown
}
