/// A stopped thread on which an instruction is carried out.
protocol InstructionMachine {
  var registers: GeneralRegisters { get set }

  /// Reads 1, 2, 4 or 8 bytes, of memory or of a device.
  mutating func load(_ address: UInt64, _ byteCount: Int) throws(AccessProblem) -> UInt64
  /// Writes 1, 2, 4 or 8 bytes.
  mutating func store(
    _ value: UInt64, _ address: UInt64, _ byteCount: Int
  ) throws(AccessProblem)
  /// Writes 64 bytes at once; answers whether they were taken.
  mutating func store(
    block: [UInt8], _ address: UInt64, waits: Bool
  ) throws(AccessProblem) -> Bool

  /// The 64 bytes of a vector register; those that the processor lacks are 0.
  mutating func vector(_ number: Int) throws(AccessProblem) -> [UInt8]
  /// A mask register of AVX-512.
  mutating func mask(_ number: Int) throws(AccessProblem) -> UInt64
  /// Writes the 64 bytes of a vector register.
  mutating func setVector(_ number: Int, _ bytes: [UInt8]) throws(AccessProblem)
}

/// Why an access cannot be carried out: the signal that the program is to get.
enum AccessProblem: Error, Hashable, Sendable {
  /// The device refused: SIGBUS.
  case bus
  /// Nothing that may be used so is there, or the address is misaligned: SIGSEGV.
  case address
  /// The thread's registers could not be reached: it is gone, or the processor is an unknown one.
  case thread

  /// The signal.
  var signal: Int32 { self == .address ? 11 : 7 }
}
