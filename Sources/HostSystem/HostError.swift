public import SystemPackage

/// A system call that failed, with what it was for.
public struct HostError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was being done.
  public enum Operation: String, Hashable, Sendable {
    /// Opening a file.
    case open
    /// Reading from a file or from standard input.
    case read
    /// Writing to a file or to standard output.
    case write
    /// Listing a directory.
    case list
    /// Asking what a path is.
    case inspect
    /// Putting a finished file in its place.
    case rename

    /// The operation as it follows "cannot".
    var words: String { self == .inspect ? "tell what it is" : rawValue }
  }

  /// The file; `-` for standard input or output.
  public let path: String
  /// What was being done.
  public let operation: Operation
  /// The error of the system call.
  public let errno: Errno

  /// Describes a failure.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - operation: What was being done.
  ///   - errno: The error of the system call.
  public init(path: String, operation: Operation, errno: Errno) {
    self.path = path
    self.operation = operation
    self.errno = errno
  }

  /// The failure in words.
  public var description: String { "\(name): cannot \(operation.words): \(errno)" }

  private var name: String {
    guard path == "-" else { return path }
    return operation == .write ? "standard output" : "standard input"
  }
}
