package import HostABI

/// A stream of bytes with descriptors in both directions.
package protocol Channel: AnyObject, Sendable {
  /// Waits for bytes.
  ///
  /// - Parameters:
  ///   - buffer: What is filled.
  ///   - offset: Where the first byte goes, before the buffer's end.
  ///   - files: Gets the descriptors that came with the bytes.
  /// - Returns: How many bytes came, 0 at the end of the stream, and whether descriptors were lost.
  /// - Throws: The errno.
  func receive(
    into buffer: inout [UInt8], at offset: Int, files: inout [ReceivedFile]
  ) throws(LinuxErrno) -> (byteCount: Int, isCut: Bool)

  /// Sends bytes without waiting; descriptors go with the first.
  ///
  /// - Parameters:
  ///   - bytes: At least one.
  ///   - files: The descriptors.
  /// - Returns: How many bytes went.
  /// - Throws: `EAGAIN` when there is no room now; `EPIPE` when nobody reads any more.
  func send(_ bytes: Span<UInt8>, _ files: [ReceivedFile]) throws(LinuxErrno) -> Int

  /// As ``send(_:_:)`` with more bytes behind.
  ///
  /// - Parameters:
  ///   - bytes: At least one.
  ///   - tail: What follows them.
  ///   - files: The descriptors.
  /// - Returns: How many bytes of both went.
  /// - Throws: As ``send(_:_:)``.
  func send(
    _ bytes: Span<UInt8>, tail: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int

  /// Waits until there may be room to send, or the stream is over.
  ///
  /// - Parameter milliseconds: How long at most.
  /// - Returns: Whether to try again.
  func waitForRoom(milliseconds: Int64) -> Bool

  /// Ends both directions; whoever waits wakes.
  func shutDown()
}

extension Channel {
  /// The first part alone, as a channel does that has no room for more.
  package func send(
    _ bytes: Span<UInt8>, tail: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int {
    try send(bytes, files)
  }
}
