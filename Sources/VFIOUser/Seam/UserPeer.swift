public import HostABI

/// The way from a device back to its client: memory that cannot be mapped, and messages of interrupts.
///
/// The client serves these after it has got the answers that it waits for, so none of them may be
/// waited for on the connection's own thread; there, waiting calls fail with `EDEADLOCK` at once.
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

  /// Writes memory as ``post(_:_:)`` does, unless the device may not write any more.
  ///
  /// A device that looks at its gate (bus mastering, say, or whether it was reset since) and posts then
  /// may be reset in between, and the client gets the write behind the answer to its reset. With the
  /// gate asked here it does not: what the client is sent after the gate was shut, that answer too,
  /// goes behind all that the gate let through.
  ///
  /// The first may find that the client has to be asked first how it reads such messages (QEMU 10.1
  /// has a way of its own); it is refused then, since the gate could not be asked when it goes.
  /// ``whenReady(_:)`` says when it is worth another try.
  ///
  /// - Parameters:
  ///   - address: Where the first byte goes.
  ///   - bytes: At most 4,096 bytes.
  ///   - isOpen: The gate. It is asked with the way out locked: it must not wait, nor call the peer,
  ///     and whoever holds a lock that it takes must not either.
  /// - Returns: Whether it will be sent.
  func post(_ address: UInt64, _ bytes: Span<UInt8>, while isOpen: () -> Bool) -> Bool

  /// Hears that posts behind a gate, refused since it was not known how the client reads them, go now.
  ///
  /// - Parameter body: Called once at most, on any thread and with nothing of the peer's locked; it must
  ///   not wait.
  func whenReady(_ body: @escaping @Sendable () -> Void)

  /// Reads memory as ``read(_:into:)`` does, unless the device may not read any more.
  ///
  /// - Parameters:
  ///   - address: Where the first byte is.
  ///   - buffer: What is filled; in pieces of the size that was agreed on.
  ///   - isOpen: The gate, as in ``post(_:_:while:)``; it is asked for each piece.
  /// - Throws: As ``read(_:into:)``; `EPERM` when the gate was shut.
  func read(
    _ address: UInt64, into buffer: inout MutableSpan<UInt8>, while isOpen: () -> Bool
  ) throws(LinuxErrno)

  /// Writes memory as ``write(_:_:)`` does, unless the device may not write any more.
  ///
  /// - Parameters:
  ///   - address: Where the first byte goes.
  ///   - bytes: The bytes; sent in pieces of the size that was agreed on.
  ///   - isOpen: The gate, as in ``post(_:_:while:)``; it is asked for each piece.
  /// - Throws: As ``write(_:_:)``; `EPERM` when the gate was shut.
  func write(
    _ address: UInt64, _ bytes: Span<UInt8>, while isOpen: () -> Bool
  ) throws(LinuxErrno)
}

/// For peers without messages, where nothing is between the gate and the memory.
extension UserPeer {
  /// Nothing: posts are never refused for that.
  public func whenReady(_ body: @escaping @Sendable () -> Void) {}

  /// Asks the gate, and posts.
  public func post(
    _ address: UInt64, _ bytes: Span<UInt8>, while isOpen: () -> Bool
  ) -> Bool { isOpen() && post(address, bytes) }

  /// Asks the gate, and reads.
  public func read(
    _ address: UInt64, into buffer: inout MutableSpan<UInt8>, while isOpen: () -> Bool
  ) throws(LinuxErrno) {
    guard isOpen() else { throw .EPERM }
    try read(address, into: &buffer)
  }

  /// Asks the gate, and writes.
  public func write(
    _ address: UInt64, _ bytes: Span<UInt8>, while isOpen: () -> Bool
  ) throws(LinuxErrno) {
    guard isOpen() else { throw .EPERM }
    try write(address, bytes)
  }
}
