public import HostABI

/// Why a device does not take a client's memory.
public struct UserRefusal: Error, Hashable, Sendable {
  /// The errno of the reply.
  public let errno: LinuxErrno
  /// What an operator can do about it, in words for the log; `nil` when the errno says it all.
  public let why: String?

  /// Makes a refusal.
  ///
  /// - Parameters:
  ///   - errno: The errno of the reply.
  ///   - why: The reason in words.
  public init(_ errno: LinuxErrno, _ why: String? = nil) {
    self.errno = errno
    self.why = why
  }
}
