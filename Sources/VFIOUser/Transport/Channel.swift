import HostABI

/// A stream of bytes with descriptors in both directions.
protocol Channel: AnyObject, Sendable {
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

  /// Waits for so many bytes; fewer come at the end of the stream, and where descriptors end.
  ///
  /// - Parameters:
  ///   - count: How many; at least one.
  ///   - buffer: What is filled; it has room for them.
  ///   - offset: Where the first byte goes.
  ///   - files: Gets the descriptors that came with the bytes.
  /// - Returns: As ``receive(into:at:files:)``.
  /// - Throws: The errno.
  func receive(
    _ count: Int, into buffer: inout [UInt8], at offset: Int, files: inout [ReceivedFile]
  ) throws(LinuxErrno) -> (byteCount: Int, isCut: Bool)

  /// Sends bytes without waiting; descriptors go with the first.
  ///
  /// - Parameters:
  ///   - bytes: At least one.
  ///   - tail: More, that follow them.
  ///   - files: The descriptors.
  /// - Returns: How many bytes went.
  /// - Throws: `EAGAIN` when there is no room now; `EPIPE` when nobody reads any more.
  func send(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int

  /// Sends bytes and waits for room, but not for long.
  ///
  /// - Parameters:
  ///   - bytes: At least one.
  ///   - tail: More, that follow them.
  ///   - files: The descriptors.
  /// - Returns: How many bytes went.
  /// - Throws: `EAGAIN` when no room came; `EPIPE` when nobody reads any more.
  func sendPatiently(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ files: [ReceivedFile]
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
  /// Sends bytes without waiting, as above.
  func send(
    _ bytes: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int { try send(bytes, Span(), files) }

  /// Waits for some bytes, as above.
  func receive(
    _ count: Int, into buffer: inout [UInt8], at offset: Int, files: inout [ReceivedFile]
  ) throws(LinuxErrno) -> (byteCount: Int, isCut: Bool) {
    try receive(into: &buffer, at: offset, files: &files)
  }

  /// Waits, and then sends what goes.
  func sendPatiently(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int {
    _ = waitForRoom(milliseconds: 100)
    return try send(bytes, tail, files)
  }
}
