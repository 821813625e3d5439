import HostABI
import HostSystem

/// Bytes of a region, zero until written; only pages that were written take up memory.
///
/// The memory keeps its address, so that a program can map it: what it writes there is what an access
/// through the descriptor reads.
struct RegionMemory: Sendable {
  private var memory: AnonymousMemory?
  private let byteCount: Int
  /// Where the memory comes from while somebody has the function open, if not from this process.
  private var source: (any MappableFile)?
  private var offset: UInt64 = 0
  /// Whether a program may have the memory mapped.
  private var isShown = false

  init(byteCount: UInt64 = 0) { self.byteCount = Int(min(byteCount, 1 << 46)) }

  /// Reads little-endian; the access lies inside of the region.
  func read(_ byteCount: Int, at offset: UInt64) -> UInt64 {
    guard let memory = memory ?? source?.memory(at: self.offset, byteCount: self.byteCount) else {
      return 0
    }
    switch byteCount {
    case 1: return UInt64(memory.load(UInt8.self, at: Int(offset)))
    case 2: return UInt64(UInt16(littleEndian: memory.load(UInt16.self, at: Int(offset))))
    case 4: return UInt64(UInt32(littleEndian: memory.load(UInt32.self, at: Int(offset))))
    default: return UInt64(littleEndian: memory.load(UInt64.self, at: Int(offset)))
    }
  }

  /// Writes little-endian; what there is no memory for is lost, as on a bus.
  mutating func write(_ value: UInt64, _ byteCount: Int, at offset: UInt64) {
    // Zeros over zeros need no page; what a program wrote to its mapping of a file is not known here.
    if memory == nil, value == 0, source == nil { return }
    guard let memory = try? mapped() else { return }
    switch byteCount {
    case 1: memory.store(UInt8(truncatingIfNeeded: value), at: Int(offset))
    case 2: memory.store(UInt16(truncatingIfNeeded: value).littleEndian, at: Int(offset))
    case 4: memory.store(UInt32(truncatingIfNeeded: value).littleEndian, at: Int(offset))
    default: memory.store(value.littleEndian, at: Int(offset))
    }
  }

  /// The memory itself, for a program that maps it; `ENOMEM` when there is none to be had.
  mutating func shown() throws(LinuxErrno) -> AnonymousMemory {
    let memory = try mapped()
    isShown = true
    return memory
  }

  /// Takes the memory from a file that the function's user can map, zero as that is.
  mutating func use(_ file: any MappableFile, at offset: UInt64) {
    source = file
    self.offset = offset
    memory = nil
  }

  /// The function's user is gone: what it has mapped is not the region's any more.
  mutating func takeBack() {
    if isShown || source != nil { memory = nil }
    source = nil
    isShown = false
  }

  private mutating func mapped() throws(LinuxErrno) -> AnonymousMemory {
    if let memory { return memory }
    guard
      let new = source.map({ $0.memory(at: offset, byteCount: byteCount) })
        ?? (try? AnonymousMemory(byteCount: byteCount))
    else { throw .ENOMEM }
    memory = new
    return new
  }

  /// All zero again.
  mutating func reset() { memory?.clear() }
}
