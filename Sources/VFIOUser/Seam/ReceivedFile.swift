import HostSystem

/// A descriptor that a peer sent; it closes with its last user.
public final class ReceivedFile: Sendable {
  /// The number, in this process.
  public let descriptor: Int32

  /// Takes a descriptor over.
  ///
  /// - Parameter descriptor: The number; nobody else closes it.
  public init(owning descriptor: Int32) { self.descriptor = descriptor }

  deinit { try? Calls.close(descriptor) }
}
