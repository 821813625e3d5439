#if os(Linux)
  import CLinux

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  extension Calls {
    /// Makes a child that is a copy of this process; 0 in the child.
    ///
    /// Only the calling thread goes on in the child, so locks that others hold stay held: for
    /// processes with one thread.
    package static func fork() throws(CallFailure) -> Int32 {
      let result = clinux_fork()
      guard result >= 0 else { throw CallFailure(errno: Int32(truncatingIfNeeded: -result)) }
      return Int32(truncatingIfNeeded: result)
    }

    /// Becomes the program at a path; returns only the reason why not.
    package static func execute(_ path: String, _ arguments: [String]) -> CallFailure {
      do {
        let result = try withProgram(path, arguments) { clinux_execute($0, $1) }
        return CallFailure(errno: Int32(truncatingIfNeeded: -result))
      } catch {
        return error
      }
    }

    /// Starts a program as a child; from a process that may have threads.
    ///
    /// - Parameters:
    ///   - arguments: The program, looked up in `PATH`, and its arguments.
    ///   - blockedSignals: Which signals are blocked in it, and no others.
    /// - Returns: The child.
    /// - Throws: Why not; `ENOENT` and `EACCES` speak of the program.
    package static func spawn(
      _ arguments: [String], blockedSignals: UInt64
    ) throws(CallFailure) -> Int32 {
      // A word with a zero byte would reach the program cut short.
      guard let name = arguments.first, !arguments.contains(where: { $0.utf8.contains(0) }) else {
        throw CallFailure(errno: CallFailure.invalid)
      }
      let result = try withProgram(name, arguments) { clinux_spawn($0, $1, blockedSignals) }
      guard result >= 0 else { throw CallFailure(errno: Int32(truncatingIfNeeded: -result)) }
      return Int32(truncatingIfNeeded: result)
    }

    /// Lends a program's name and its arguments as C has them.
    private static func withProgram(
      _ name: String, _ arguments: [String], _ body: (UInt64, UInt64) -> Int64
    ) throws(CallFailure) -> Int64 {
      var text: [UInt8] = []
      var offsets: [Int] = []
      for argument in arguments {
        offsets.append(text.count)
        text += Array(argument.utf8) + [0]
      }
      return try withText(name) { name throws(CallFailure) in
        try withBytes(text) { base throws(CallFailure) in
          var pointers = offsets.map { base + UInt64($0) } + [0]
          // The array lives for the call, which reads it up to the zero at its end.
          return unsafe pointers.withUnsafeMutableBytes { buffer in
            body(name, UInt64(UInt(bitPattern: buffer.baseAddress)))
          }
        }
      }
    }

    /// A descriptor that can be read when a process has ended; it closes at `exec`.
    package static func openProcess(_ process: Int32) throws(CallFailure) -> Int32 {
      Int32(truncatingIfNeeded: try make(clinux_pidfd_open, process.register, 0))
    }

    /// Ends this process at once: nothing is flushed, no handler runs.
    package static func exit(_ status: Int32) -> Never {
      while true { _ = clinux_call(clinux_exit_group, status.register, 0, 0, 0, 0, 0) }
    }

    /// Reaps a child.
    ///
    /// - Parameters:
    ///   - process: The child; -1 for any.
    ///   - options: `WNOHANG` is 1, `__WALL` is 0x40000000.
    /// - Returns: The child and its status; `nil` when `WNOHANG` found none.
    /// - Throws: `ECHILD` when there is no such child.
    package static func reap(
      _ process: Int32, options: Int32 = 0
    ) throws(CallFailure) -> (process: Int32, status: Int32)? {
      var status: Int32 = 0
      let found = try with(&status) { place throws(CallFailure) in
        try repeating(clinux_wait4, process.register, place, options.register, 0)
      }
      return found == 0 ? nil : (Int32(truncatingIfNeeded: found), status)
    }

    /// Sends a signal.
    package static func signal(_ process: Int32, _ signal: Int32) throws(CallFailure) {
      _ = try make(clinux_kill, process.register, signal.register)
    }

    /// Sends a signal to one thread.
    package static func signal(
      thread: Int32, of process: Int32, _ signal: Int32
    ) throws(CallFailure) {
      _ = try make(clinux_tgkill, process.register, thread.register, signal.register)
    }

    /// This process.
    package static var ownProcess: Int32 { Int32(truncatingIfNeeded: plain(clinux_getpid)) }
    /// This thread.
    package static var ownThread: Int32 { Int32(truncatingIfNeeded: plain(clinux_gettid)) }

    /// Waits a little, for something that cannot be waited for.
    package static func pause(microseconds: UInt32) { _ = usleep(microseconds) }

    /// The process that made this one, or the one that took it over.
    package static var parentProcess: Int32 { Int32(truncatingIfNeeded: plain(clinux_getppid)) }
    /// The effective user.
    package static var effectiveUser: UInt32 { UInt32(truncatingIfNeeded: plain(clinux_geteuid)) }
    /// The effective group.
    package static var effectiveGroup: UInt32 { UInt32(truncatingIfNeeded: plain(clinux_getegid)) }

    /// A call without arguments that cannot fail.
    private static func plain(_ number: Int32) -> Int64 {
      clinux_call(number, 0, 0, 0, 0, 0, 0)
    }

    /// Orphans below this process become its children.
    package static func adoptOrphans() throws(CallFailure) {
      let setChildSubreaper: UInt64 = 36
      _ = try make(clinux_prctl, setChildSubreaper, 1, 0, 0, 0)
    }

    /// This process gets a signal when the thread that made it ends.
    package static func setParentDeathSignal(_ signal: Int32) throws(CallFailure) {
      let setParentDeathSignal: UInt64 = 1
      _ = try make(clinux_prctl, setParentDeathSignal, signal.register, 0, 0, 0)
    }

    /// No program that this process starts gains rights by being started.
    package static func renounceNewPrivileges() throws(CallFailure) {
      let setNoNewPrivileges: UInt64 = 38
      _ = try make(clinux_prctl, setNoNewPrivileges, 1, 0, 0, 0)
    }

    /// Leaves namespaces for fresh ones; flags are `CLONE_NEW…`.
    package static func unshare(_ flags: UInt64) throws(CallFailure) {
      _ = try make(clinux_unshare, flags)
    }

    /// Puts this thread, and what it starts, under a seccomp filter with a listener.
    ///
    /// - Parameters:
    ///   - program: One `struct sock_filter` each, as a little-endian number.
    ///   - flags: `SECCOMP_FILTER_FLAG_…`, `NEW_LISTENER` among them.
    /// - Returns: The listener's descriptor in this process; it closes at `exec`.
    /// - Throws: `EACCES` when the process first has to renounce new privileges.
    package static func installFilter(
      _ program: [UInt64], flags: UInt64
    ) throws(CallFailure) -> Int32 {
      /// `struct sock_fprog`.
      struct Program: BitwiseCopyable {
        var count: UInt64
        var address: UInt64
      }
      guard !program.isEmpty, program.count <= 4096 else {
        throw CallFailure(errno: CallFailure.invalid)
      }
      let setModeFilter: UInt64 = 1
      // The array lives for the call, and the kernel reads the count of entries that it is told.
      let listener = try unsafe program.withUnsafeBufferPointer { buffer throws(CallFailure) in
        var description = Program(
          count: UInt64(program.count), address: UInt64(UInt(bitPattern: buffer.baseAddress)))
        return try with(&description) { place throws(CallFailure) in
          try make(clinux_seccomp, setModeFilter, flags, place)
        }
      }
      return Int32(truncatingIfNeeded: listener)
    }

    /// A variable of this process's environment.
    package static func environmentValue(_ name: String) -> String? {
      // The C library's own copy, read before other threads could change it.
      unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// Takes a descriptor of another process.
    package static func takeDescriptor(
      _ descriptor: Int32, of process: Int32
    ) throws(CallFailure) -> Int32 {
      let handle = Int32(
        truncatingIfNeeded: try make(clinux_pidfd_open, process.register, 0))
      defer { try? close(handle) }
      return Int32(
        truncatingIfNeeded: try make(
          clinux_pidfd_getfd, handle.register, descriptor.register, 0))
    }
  }
#endif
