import Glibc

/// Another program, run to its end with its output thrown away.
///
/// This file calls posix_spawn and wait4, so it is unsafe; no other one here is.
enum Child {
  /// What a run took.
  struct Usage {
    let seconds: Double
    /// The most memory that was resident, in MiB.
    ///
    /// Linux counts the memory of the process that started it as well, so start early.
    let peak: Double
    /// The exit status, or `nil` after a signal.
    let status: Int32?
  }

  /// Runs a program.
  ///
  /// - Parameters:
  ///   - path: The program; it is looked up in PATH when it has no slash.
  ///   - arguments: Its arguments.
  /// - Returns: What the run took, or `nil` when the program could not be started.
  static func run(_ path: String, _ arguments: [String]) -> Usage? {
    var actions = unsafe posix_spawn_file_actions_t()
    guard unsafe posix_spawn_file_actions_init(&actions) == 0 else { return nil }
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
      unsafe posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
    }
    // Every copy lives until the child has ended, and a nil ends the list.
    var argv = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
    defer { unsafe argv.forEach { unsafe free($0) } }
    let clock = ContinuousClock()
    let start = clock.now
    var id: pid_t = 0
    guard unsafe posix_spawnp(&id, path, &actions, nil, &argv, environ) == 0 else { return nil }
    var status: Int32 = 0
    var usage = rusage()
    guard unsafe wait4(id, &status, 0, &usage) == id else { return nil }
    let seconds = (clock.now - start) / .seconds(1)
    return Usage(
      seconds: seconds, peak: Double(usage.ru_maxrss) / 1024,
      status: status & 0x7F == 0 ? status >> 8 & 0xFF : nil)
  }
}
