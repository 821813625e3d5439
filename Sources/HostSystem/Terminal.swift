import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What the other end of standard output is.
public enum Terminal {
  /// Whether standard output is a terminal that may be coloured.
  ///
  /// `NO_COLOR` and a dumb terminal switch colours off, as users of either expect.
  public static var wantsColor: Bool {
    isatty(STDOUT_FILENO) == 1 && environment("NO_COLOR") == nil
      && environment("TERM") != "dumb"
  }

  /// Whether standard error is a terminal, where progress can be shown.
  public static var showsProgress: Bool { isatty(STDERR_FILENO) == 1 }

  /// The value of an environment variable, `nil` when it is unset or empty.
  ///
  /// - Parameter name: The variable.
  /// - Returns: Its value.
  public static func environment(_ name: String) -> String? {
    // The string is copied at once; nothing in this program changes the environment.
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
  }
}
