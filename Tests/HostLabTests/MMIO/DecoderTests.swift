import TestSupport
import Testing

@testable import HostLab

@Suite("Instructions that access memory are decoded")
struct DecoderTests {
  private func bytes(_ text: String) -> [UInt8] {
    text.split(separator: " ").compactMap { UInt8($0, radix: 16) }
  }

  @Test("every encoding has its length, and no shorter piece of it is an instruction")
  func lengths() throws {
    for (encoding, text) in Encodings.all {
      let bytes = bytes(encoding)
      let instruction = try InstructionDecoder.decode(bytes)
      #expect(instruction.byteCount == bytes.count, "\(text)")
      #expect(try InstructionDecoder.decode(bytes + [0x90, 0x90]) == instruction, "\(text)")
      for count in 0..<bytes.count {
        #expect(throws: DecodingProblem.truncated, "\(text), \(count) bytes") {
          try InstructionDecoder.decode(Array(bytes.prefix(count)))
        }
      }
    }
  }

  @Test("addresses are computed as the processor does")
  func addresses() throws {
    var registers = GeneralRegisters()
    for number in 0..<16 { registers[number] = 0x1000 << UInt64(number) }
    registers.instruction = 0x40_0000
    registers.fsBase = 0x7000_0000_0000
    registers.gsBase = 0x6000_0000_0000
    let rows: [(String, UInt64)] = [
      ("8b 00", 0x1000),  // (%rax)
      ("8b 47 fc", 0x80000 - 4),  // -4(%rdi)
      ("41 8b 45 00", 0x1000 << 13),  // 0(%r13)
      ("8b 04 24", 0x10000),  // (%rsp)
      ("41 8b 04 24", 0x1000 << 12),  // (%r12)
      ("8b 44 cf 10", 0x80000 + 8 * 0x2000 + 16),  // 16(%rdi,%rcx,8)
      ("42 8b 04 a0", 0x1000 + 4 * (0x1000 << 12)),  // (%rax,%r12,4)
      ("8b 04 25 00 10 00 80", 0xffff_ffff_8000_1000),  // absolute, its sign goes on
      ("8b 05 10 00 00 00", 0x40_0000 + 6 + 0x10),  // 16(%rip)
      ("c7 05 10 00 00 00 01 00 00 00", 0x40_0000 + 10 + 0x10),  // behind the constant
      ("64 8b 00", 0x7000_0000_1000), ("65 8b 00", 0x6000_0000_1000),
      ("67 8b 47 fc", 0x80000 - 4), ("67 41 8b 07", 0x800_0000),
      ("a1 88 77 66 55 44 33 22 11", 0x1122_3344_5566_7788),
      ("67 a1 88 77 66 55", 0x5566_7788),
      ("62 f1 fe 48 6f 47 01", 0x80000 + 64),  // vmovdqu64 64(%rdi), %zmm0
      ("62 61 fe 08 6f 4f ff", 0x80000 - 16),  // vmovdqu64 -16(%rdi), %xmm25
    ]
    for (encoding, address) in rows {
      let instruction = try InstructionDecoder.decode(bytes(encoding))
      #expect(
        instruction.memory.address(registers, after: instruction.byteCount) == address,
        "\(encoding)")
    }
  }

  @Test("prefixes choose width and registers")
  func prefixes() throws {
    func action(_ text: String) throws -> Instruction.Action {
      try InstructionDecoder.decode(bytes(text)).action
    }
    func load(_ number: Int, _ count: Int, high: Bool = false) -> Instruction.Action {
      .load(
        GeneralRegister(number: number, isHighByte: high), byteCount: count, width: count,
        isSigned: false)
    }
    #expect(try action("8b 07") == load(0, 4))
    #expect(try action("66 8b 07") == load(0, 2))
    #expect(try action("48 8b 07") == load(0, 8))
    #expect(try action("66 48 8b 07") == load(0, 8))
    #expect(try action("48 66 8b 07") == load(0, 2), "REX counts right before the opcode only")
    #expect(try action("44 8b 3f") == load(15, 4))
    #expect(try action("8a 27") == load(4 - 4, 1, high: true))
    #expect(try action("40 8a 27") == load(4, 1))
    #expect(
      try action("62 61 fe 08 6f 4f ff")
        == .loadVector(.init(register: 25, byteCount: 16, clearedCount: 64)))
  }

  @Test("the instructions that some processors lack are told from their neighbours")
  func missing() throws {
    let direct = try InstructionDecoder.decode(bytes("66 0f 38 f8 3e"))
    #expect(
      direct.action
        == .moveBlock(.direct, to: GeneralRegister(number: 7), has32BitAddresses: false))
    #expect(direct.mayBeMissing && direct.memory.base == 6)
    for (text, move) in [
      ("f2 0f 38 f8 3e", Instruction.BlockMove.enqueue), ("f3 0f 38 f8 3e", .enqueueSupervisor),
    ] {
      let instruction = try InstructionDecoder.decode(bytes(text))
      #expect(
        instruction.action
          == .moveBlock(move, to: GeneralRegister(number: 7), has32BitAddresses: false))
    }
    #expect(try InstructionDecoder.decode(bytes("48 0f 38 f9 07")).mayBeMissing)
    #expect(try !InstructionDecoder.decode(bytes("48 89 07")).mayBeMissing)
  }

  @Test(
    "what is none of them is not guessed",
    arguments: [
      "0f 0b", "90", "89 c7", "dd 07", "ff 27", "ff 37", "8f 07", "0f 6f 07", "f0 8b 07",
      "f0 39 07", "66 c5 fe 6f 07", "62 f1 7e 49 10 07", "62 f1 fe c9 7f 07", "62 f1 fe c8 6f 07",
      "62 f1 fe 58 6f 07", "c5 fe 6f c1",
    ])
  func unknown(text: String) {
    #expect(throws: DecodingProblem.self) { try InstructionDecoder.decode(bytes(text)) }
  }

  @Test("no bytes break it", arguments: 0..<8)
  func random(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    var machine = RandomMachine(seed: seed)
    for round in 0..<20_000 {
      var bytes = (0..<Int.random(in: 0...20, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      // Every second one grows from one that is known.
      if round % 2 == 0 {
        let known = self.bytes(Encodings.all.randomElement(using: &generator)?.bytes ?? "")
        bytes = known + bytes
        bytes[Int.random(in: 0..<known.count, using: &generator)] ^=
          1 << UInt8.random(in: 0..<8, using: &generator)
      }
      guard let instruction = try? InstructionDecoder.decode(bytes) else { continue }
      #expect((1...15).contains(instruction.byteCount))
      #expect(instruction.byteCount <= bytes.count)
      try? Execution.run(instruction, on: &machine)
    }
  }
}

/// A machine whose memory and devices answer anything.
private struct RandomMachine: InstructionMachine {
  var registers = GeneralRegisters()
  private var generator: SplitMix64

  init(seed: UInt64) {
    generator = SplitMix64(seed: seed &+ 99)
    for number in 0..<16 { registers[number] = generator.next() }
  }

  private mutating func answer() throws(AccessProblem) {
    switch generator.next() % 16 {
    case 0: throw .bus
    case 1: throw .address
    default: return
    }
  }

  mutating func load(_ address: UInt64, _ byteCount: Int) throws(AccessProblem) -> UInt64 {
    #expect([1, 2, 4, 8].contains(byteCount))
    try answer()
    return generator.next() & GeneralRegisters.mask(byteCount)
  }

  mutating func store(_ value: UInt64, _ address: UInt64, _ byteCount: Int) throws(AccessProblem) {
    #expect([1, 2, 4, 8].contains(byteCount) && value & ~GeneralRegisters.mask(byteCount) == 0)
    try answer()
  }

  mutating func store(
    block: [UInt8], _ address: UInt64, waits: Bool
  ) throws(AccessProblem) -> Bool {
    #expect(block.count == 64)
    try answer()
    return generator.next() % 2 == 0
  }

  mutating func vector(_ number: Int) throws(AccessProblem) -> [UInt8] {
    #expect((0..<32).contains(number))
    return [UInt8](repeating: UInt8(truncatingIfNeeded: generator.next()), count: 64)
  }

  mutating func mask(_ number: Int) throws(AccessProblem) -> UInt64 {
    #expect((1..<8).contains(number))
    return generator.next()
  }

  mutating func setVector(_ number: Int, _ bytes: [UInt8]) throws(AccessProblem) {
    #expect(bytes.count == 64)
  }
}
