public import HostABI

/// The way from a device back to its client: memory that cannot be mapped, and messages of interrupts.
///
/// The client serves these after it has got the answers that it waits for, so none of them may be
/// waited for on the connection's own thread; there, waiting calls fail with `EDEADLK` at once.
public protocol UserPeer: AnyObject, Sendable {
  /// Writes memory of the client without waiting for the answer, as a message of an interrupt does.
  ///
  /// From any thread; never waits for the client to take it. A refusal is noted in the log.
  ///
  /// - Parameters:
  ///   - address: Where the first byte goes.
  ///   - bytes: At most 4,096 bytes.
  /// - Returns: Whether it will be sent: `false` when the client is gone or takes nothing any more.
  func post(_ address: UInt64, _ bytes: Span<UInt8>) -> Bool

  /// Reads memory of the client; waits, but not longer than the connection's limit.
  ///
  /// - Parameters:
  ///   - address: Where the first byte is.
  ///   - buffer: What is filled; in pieces of the size that was agreed on.
  /// - Throws: The client's errno; `EDEADLOCK` on the connection's own thread; `EIO` when the client is
  ///   gone or does not answer in time.
  func read(_ address: UInt64, into buffer: inout MutableSpan<UInt8>) throws(LinuxErrno)

  /// Writes memory of the client; waits, but not longer than the connection's limit.
  ///
  /// - Parameters:
  ///   - address: Where the first byte goes.
  ///   - bytes: The bytes; sent in pieces of the size that was agreed on.
  /// - Throws: The client's errno; `EDEADLOCK` on the connection's own thread; `EIO` when the client is
  ///   gone or does not answer in time.
  func write(_ address: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno)
}
