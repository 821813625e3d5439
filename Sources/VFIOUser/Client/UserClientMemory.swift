public import HostABI

/// Memory of a client that a server reaches by messages.
public protocol UserClientMemory: Sendable {
  /// Reads for the server; on the client's receiving thread.
  ///
  /// - Parameters:
  ///   - address: Where the first byte is.
  ///   - byteCount: How many bytes, at most 1,048,576.
  /// - Returns: Exactly so many.
  /// - Throws: The errno of the reply.
  func read(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) -> [UInt8]

  /// Writes for the server; on the client's receiving thread.
  ///
  /// - Parameters:
  ///   - address: Where the first byte goes.
  ///   - bytes: The bytes.
  /// - Throws: The errno of the reply.
  func write(_ address: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno)
}
