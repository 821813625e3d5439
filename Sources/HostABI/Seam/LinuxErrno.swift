/// An error number of Linux, as a request answers it.
///
/// The numbers are Linux's generic ones (x86-64, AArch64, RISC-V) whatever system this runs on.
public struct LinuxErrno: Error, RawRepresentable, Hashable, Sendable {
  /// The positive error number.
  public let rawValue: Int32

  /// Makes an error of its number.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  init(_ rawValue: Int32) { self.rawValue = rawValue }
}

extension LinuxErrno {
  /// Operation not permitted.
  public static let EPERM = Self(1)
  /// No such object, path or mapping.
  public static let ENOENT = Self(2)
  /// Interrupted by a signal.
  public static let EINTR = Self(4)
  /// Input or output failed.
  public static let EIO = Self(5)
  /// No such device or address.
  public static let ENXIO = Self(6)
  /// Not an open descriptor.
  public static let EBADF = Self(9)
  /// Try again.
  public static let EAGAIN = Self(11)
  /// No memory, or the limit on locked memory is reached.
  public static let ENOMEM = Self(12)
  /// Not allowed.
  public static let EACCES = Self(13)
  /// The caller's memory cannot be read or written there.
  public static let EFAULT = Self(14)
  /// In use.
  public static let EBUSY = Self(16)
  /// Exists already.
  public static let EEXIST = Self(17)
  /// No such device.
  public static let ENODEV = Self(19)
  /// Understood, but wrong.
  public static let EINVAL = Self(22)
  /// Too many descriptors are open.
  public static let EMFILE = Self(24)
  /// The request's number is unknown.
  public static let ENOTTY = Self(25)
  /// No room.
  public static let ENOSPC = Self(28)
  /// Not a descriptor that can be sought, or a size that is no multiple of the record.
  public static let ESPIPE = Self(29)
  /// An argument list or an unknown tail is too big.
  public static let E2BIG = Self(7)
  /// A result is out of range.
  public static let ERANGE = Self(34)
  /// The operation would deadlock.
  public static let EDEADLOCK = Self(35)
  /// Not what was exchanged: pages differ.
  public static let EBADE = Self(52)
  /// Not implemented.
  public static let ENOSYS = Self(38)
  /// A value does not fit.
  public static let EOVERFLOW = Self(75)
  /// The descriptor is in a bad state, or is of another kind.
  public static let EBADFD = Self(77)
  /// The array is too small for the answer.
  public static let EMSGSIZE = Self(90)
  /// A known field asks for what this kernel or IOMMU does not do.
  public static let EOPNOTSUPP = Self(95)
  /// The address is taken.
  public static let EADDRINUSE = Self(98)
  /// Timed out.
  public static let ETIMEDOUT = Self(110)
}

extension LinuxErrno: CustomStringConvertible {
  private static let names: [Int32: String] = [
    1: "EPERM", 2: "ENOENT", 4: "EINTR", 5: "EIO", 6: "ENXIO", 7: "E2BIG", 9: "EBADF",
    11: "EAGAIN", 12: "ENOMEM", 13: "EACCES", 14: "EFAULT", 16: "EBUSY", 17: "EEXIST",
    19: "ENODEV", 20: "ENOTDIR", 21: "EISDIR", 22: "EINVAL", 23: "ENFILE", 24: "EMFILE",
    25: "ENOTTY", 28: "ENOSPC", 29: "ESPIPE", 30: "EROFS", 32: "EPIPE", 34: "ERANGE",
    35: "EDEADLOCK", 36: "ENAMETOOLONG", 38: "ENOSYS", 40: "ELOOP", 52: "EBADE", 75: "EOVERFLOW",
    77: "EBADFD", 90: "EMSGSIZE", 95: "EOPNOTSUPP", 98: "EADDRINUSE", 103: "ECONNABORTED",
    104: "ECONNRESET", 107: "ENOTCONN", 110: "ETIMEDOUT", 111: "ECONNREFUSED",
  ]

  /// The name as in Linux's headers, such as `EINVAL`.
  public var description: String { Self.names[rawValue] ?? "errno \(rawValue)" }
}
