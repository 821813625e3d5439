import HostABI

/// An address space of the engine: its own memory at the addresses that every other space has too.
///
/// Which bytes a copy moves thus tells through which space the requests went.
struct EngineSpace {
  /// Where the memory stands for the device.
  static let source: UInt64 = 0x4000_0000
  static let destination: UInt64 = 0x4001_0000
  static let record: UInt64 = 0x4002_0000
  /// Nothing is ever mapped here.
  static let hole: UInt64 = 0x4003_0000
  /// Bytes of each of the three pieces.
  static let pieceSize = 0x2000

  /// The space as people call it.
  let name: String
  let ioas: UInt32
  let table: UInt32
  /// The three pieces, one behind the other.
  private let memory: UInt64
  private let context: Context
  /// The tables of this program's own, if the space has some above the host's.
  private let stage: EngineStage?

  /// Makes memory, an address space that maps it, and a table that PASIDs may have; a fault queue
  /// of 0 is none.
  init(
    _ name: String, in context: Context, for device: UInt32, faultQueue: UInt32 = 0
  ) throws(LinuxErrno) {
    self.name = name
    self.context = context
    stage = nil
    memory = try context.bench.memory(3 * Self.pieceSize)
    ioas = try context.ioas()
    let flags: HWPTFlags = faultQueue == 0 ? .pasid : [.pasid, .faultIDValid]
    table = try context.hwpt(device, on: ioas, flags, fault: faultQueue)
    for piece in 0..<3 { try map(piece) }
  }

  /// Makes memory, and tables of this program's own that map it, nested on a table of the host's;
  /// a fault queue of 0 is none.
  init(
    nested name: String, in context: Context, for device: UInt32, faultQueue: UInt32 = 0
  ) throws(LinuxErrno) {
    self.name = name
    self.context = context
    memory = try context.bench.memory(3 * Self.pieceSize)
    let stage = try EngineStage(
      in: context, for: device, over: memory, 3 * Self.pieceSize, faultQueue: faultQueue)
    self.stage = stage
    ioas = stage.ioas
    table = stage.table
    for piece in 0..<3 { try map(piece) }
  }

  private static let addresses = [source, destination, record]

  private func map(_ piece: Int) throws(LinuxErrno) {
    let offset = UInt64(piece * Self.pieceSize)
    if let stage {
      try stage.set(Self.addresses[piece], Self.pieceSize, to: offset)
    } else {
      try context.map(ioas, memory + offset, UInt64(Self.pieceSize), at: Self.addresses[piece])
    }
  }

  /// Takes the source away from the device, or gives it back.
  func mapSource(_ isMapped: Bool) throws(LinuxErrno) {
    if isMapped {
      try map(0)
    } else if let stage {
      try stage.set(Self.source, Self.pieceSize, to: nil)
    } else {
      try context.unmap(ioas, Self.source, UInt64(Self.pieceSize))
    }
  }

  /// Fills the source with the space's own text of a round, and clears destination and record.
  func prepare(round: Int) throws {
    let kernel = context.bench.kernel
    let rest = Self.pieceSize + CompletionRecord.byteCount
    try kernel.store(text(round) + [UInt8](repeating: 0, count: rest), memory)
  }

  /// What the source holds; none of its bytes is zero.
  func text(_ round: Int) -> [UInt8] {
    let line = Array("\(name), round \(round). ".utf8)
    return (0..<Self.pieceSize).map { line[$0 % line.count] }
  }

  /// The bytes at the destination up to the last one that is no longer zero.
  func copied() throws -> [UInt8] {
    let address = memory + UInt64(Self.pieceSize)
    let bytes = try context.bench.kernel.load(address, Self.pieceSize)
    return Array(bytes[...(bytes.lastIndex { $0 != 0 } ?? -1)])
  }

  /// The completion record as it is now.
  func record() throws -> CompletionRecord {
    let address = memory + UInt64(2 * Self.pieceSize)
    return CompletionRecord(
      try context.bench.kernel.load(address, CompletionRecord.byteCount))
  }
}
