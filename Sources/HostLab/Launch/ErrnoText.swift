internal import SystemPackage

/// Error numbers as people read them.
enum ErrnoText {
  static func words(_ errno: Int32) -> String { "\(Errno(rawValue: errno))" }
}
