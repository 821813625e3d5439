import HostABI

/// Memory of a caller that looks the same on every kernel: equal contents at equal offsets, with
/// addresses that are equal in their low 21 bits.
///
/// Automatic placement follows the low bits of an address, so offsets decide what it answers.
struct Arena {
  private static let page = 4096
  /// Pages that may be read and written.
  static let writable = 0..<64
  /// Pages that may only be read.
  static let readOnly = 64..<80
  /// Where nothing is mapped.
  static let hole = 80..<96
  /// Where data of requests lies; nothing maps it.
  static let scratch: UInt64 = 96 * 4096
  /// Where the structures of requests lie.
  static let argument: UInt64 = 100 * 4096
  /// Where nobody may go: a kernel that is told to fill gigabytes must not reach what lies behind.
  private static let guarded: UInt64 = 104 * 4096

  private static let alignment: UInt64 = 1 << 21

  let kernel: any HostKernel
  /// The address of offset 0.
  let base: UInt64
  private let allocation: UInt64

  /// Allocates and fills the arena.
  init(_ kernel: any HostKernel) throws(LinuxErrno) {
    self.kernel = kernel
    allocation = try kernel.allocate(Int(Self.alignment) * 2, [.read, .write])
    base = (allocation &+ Self.alignment - 1) & ~(Self.alignment - 1)
    try refill()
    let readOnly = base + UInt64(Self.readOnly.lowerBound * Self.page)
    try kernel.store(
      [UInt8](repeating: 0x5A, count: Self.readOnly.count * Self.page), readOnly)
    try kernel.protect(readOnly, Self.readOnly.count * Self.page, .read)
    try kernel.release(
      base + UInt64(Self.hole.lowerBound * Self.page), Self.hole.count * Self.page)
    let guarded = base + Self.guarded
    try kernel.protect(guarded, Int(allocation + Self.alignment * 2 - guarded), [])
  }

  /// Puts the writable pages into their first state.
  func refill() throws(LinuxErrno) {
    let bytes = (0..<(Self.writable.count * Self.page)).map {
      UInt8(truncatingIfNeeded: $0 >> 3 ^ $0 >> 12)
    }
    try kernel.store(bytes, base)
  }

  /// What the writable pages hold.
  func contents() throws(LinuxErrno) -> [UInt8] {
    try kernel.load(base, Self.writable.count * Self.page)
  }

  /// Gives the memory back.
  func release() {
    let hole = base + UInt64(Self.hole.lowerBound * Self.page)
    let end = base + UInt64(Self.hole.upperBound * Self.page)
    try? kernel.release(allocation, Int(hole - allocation))
    try? kernel.release(end, Int(allocation + Self.alignment * 2 - end))
  }
}
