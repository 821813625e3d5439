public import SystemPackage

/// Writes to standard output or another open descriptor in large pieces.
public struct ByteSink: ~Copyable {
  private let descriptor: FileDescriptor
  private let path: String
  private var pending: [UInt8] = []

  /// Writes to standard output.
  public init() {
    descriptor = .standardOutput
    path = "-"
  }

  /// Writes to an open descriptor.
  ///
  /// - Parameter descriptor: The open descriptor; it stays open.
  public init(_ descriptor: FileDescriptor) {
    self.descriptor = descriptor
    path = "-"
  }

  /// Adds bytes; they go out when enough have come together.
  ///
  /// - Parameter bytes: The bytes.
  /// - Throws: ``HostError`` when writing fails, for example into a closed pipe.
  public mutating func write(_ bytes: [UInt8]) throws(HostError) {
    pending.append(contentsOf: bytes)
    if pending.count >= 64 * 1024 { try flush() }
  }

  /// Adds text.
  ///
  /// - Parameter text: The text, written as UTF-8.
  /// - Throws: ``HostError`` when writing fails.
  public mutating func write(_ text: String) throws(HostError) {
    pending.append(contentsOf: text.utf8)
    if pending.count >= 64 * 1024 { try flush() }
  }

  /// Sends what is pending.
  ///
  /// - Throws: ``HostError`` when writing fails.
  public mutating func flush() throws(HostError) {
    guard !pending.isEmpty else { return }
    do {
      try descriptor.writeAll(pending)
    } catch let error as Errno {
      throw HostError(path: path, operation: .write, errno: error)
    } catch {
      throw HostError(path: path, operation: .write, errno: .ioError)
    }
    pending.removeAll(keepingCapacity: true)
  }
}
