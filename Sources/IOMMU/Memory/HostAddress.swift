/// What page tables of the software host point to: a byte of a page that is pinned for DMA.
///
/// In space 0 the address is one in our own process. Other spaces are numbered by the caller, who
/// answers for them through ``ForeignMemory``.
///
/// Whoever hands a range of space 0 to ``PagingTable/map(_:byteCount:to:allowing:)`` promises that
/// it is mapped, readable and (when writes are allowed) writable until it was unmapped from every
/// table, the units' caches were invalidated and ``TranslationUnit/drain()`` has returned.
@frozen
public struct HostAddress: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The address in bits 51:0, the space in bits 61:52.
  public let rawValue: UInt64

  /// Makes an address from its parts as they stand in one word.
  ///
  /// - Parameter rawValue: The address in bits 51:0, the space in bits 61:52; the rest is dropped.
  @inlinable
  public init(rawValue: UInt64) { self.rawValue = rawValue & 0x3FFF_FFFF_FFFF_FFFF }

  /// An address of our own process.
  ///
  /// - Parameter address: The address, below 2^52; more is a bug of the caller and traps.
  @inlinable
  public init(_ address: UInt64) {
    precondition(address >> 52 == 0, "a host address has 52 bits")
    rawValue = address
  }

  /// An address of a numbered space.
  ///
  /// - Parameters:
  ///   - address: The address, below 2^52; more is a bug of the caller and traps.
  ///   - space: The space, below 1,024; 0 is our own process.
  @inlinable
  public init(_ address: UInt64, space: Int) {
    precondition(address >> 52 == 0 && (0..<1024).contains(space), "no such host address")
    rawValue = address | UInt64(space) << 52
  }

  /// The address within its space.
  @inlinable
  public var address: UInt64 { rawValue & 0x000F_FFFF_FFFF_FFFF }

  /// The number of the space; 0 is our own process.
  @inlinable
  public var space: Int { Int(rawValue >> 52) }

  /// Whether the address is one of our own process.
  @inlinable
  public var isDirect: Bool { rawValue >> 52 == 0 }
}

/// Access to pages that are not mapped into our process.
///
/// Calls come from threads in the middle of a DMA: they may take their time, but must not wait for
/// ``TranslationUnit/drain()``. No call crosses a 4 KiB page.
public protocol ForeignMemory: Sendable {
  /// Reads an aligned 64-bit word.
  ///
  /// - Parameter address: Where it is.
  /// - Returns: The word, or `nil` when it cannot be read.
  func load(at address: HostAddress) -> UInt64?

  /// Replaces an aligned 64-bit word if it has not changed.
  ///
  /// - Parameters:
  ///   - address: Where it is.
  ///   - expected: What it must hold.
  ///   - desired: What it then holds.
  /// - Returns: Whether it was replaced, or `nil` when it cannot be reached.
  func compareExchange(at address: HostAddress, _ expected: UInt64, _ desired: UInt64) -> Bool?

  /// Copies bytes out.
  ///
  /// - Parameters:
  ///   - address: Where the first byte is.
  ///   - bytes: Where they go.
  /// - Returns: Whether all of them could be read.
  func read(from address: HostAddress, into bytes: inout MutableSpan<UInt8>) -> Bool

  /// Copies bytes in.
  ///
  /// - Parameters:
  ///   - address: Where the first byte goes.
  ///   - bytes: The bytes.
  /// - Returns: Whether all of them could be written.
  func write(to address: HostAddress, from bytes: Span<UInt8>) -> Bool
}
