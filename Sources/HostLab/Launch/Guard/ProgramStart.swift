#if os(Linux)
  internal import HostSystem

  /// The program's own process, up to the moment in which it becomes the program.
  struct ProgramStart {
    let launch: Guard
    /// The guard's process.
    let parent: Int32
    /// Whether the nodes are character devices.
    let hasRealNodes: Bool

    func run() -> Never {
      let kill: Int32 = 9
      do throws(LaunchError) {
        try attempt("prepare the program's process") { () throws(CallFailure) in
          // The guard ends everything below it, unless someone kills the guard.
          try Calls.setParentDeathSignal(kill)
          if Calls.parentProcess != parent { Calls.exit(125) }
          try Calls.setBlockedSignals(launch.signals)
        }
        try attempt("install the seccomp filter") { () throws(CallFailure) in
          // From here on calls may wait for the supervisor, which answers none before it has the
          // listener: only a message and its answer, on low descriptors, stand before execve.
          launch.send(.listener(try installFilter()))
          // The listener closes at execve, so the supervisor has to have it before.
          if try Calls.receive(launch.release, limit: 1).isEmpty { Calls.exit(125) }
        }
      } catch {
        if case .cannot(let what, let errno) = error {
          launch.send(.cannot(what: what, errno: errno))
        }
        Calls.exit(125)
      }
      become()
    }

    private func installFilter() throws(CallFailure) -> Int32 {
      let newListener: UInt64 = 8
      let waitKillable: UInt64 = 32
      let permissionDenied: Int32 = 13
      let filter = hasRealNodes ? launch.plan.filter : launch.plan.filterForPlainNodes
      for flags in [newListener | waitKillable, newListener] {
        for renounces in [false, true] {
          do throws(CallFailure) {
            if renounces { try Calls.renounceNewPrivileges() }
            return try Calls.installFilter(filter, flags: flags)
          } catch  where error.errno == permissionDenied && !renounces {
            // An ordinary user may install filters only for programs that gain no rights.
            continue
          } catch  where error.errno == CallFailure.invalid && flags != newListener {
            break  // Linux before 5.19 does not know the second flag.
          }
        }
      }
      throw CallFailure(errno: CallFailure.invalid)
    }

    private func become() -> Never {
      let notFound: Int32 = 2
      let notExecutable: Int32 = 8
      var failure = Calls.execute(launch.path, launch.plan.arguments)
      if failure.errno == notExecutable {
        // A script without its first line; shells run it themselves.
        failure = Calls.execute(
          "/bin/sh", ["sh", launch.path] + launch.plan.arguments.dropFirst())
      }
      let standardError: Int32 = 2
      let text = "passage: cannot run \(launch.path): \(ErrnoText.words(failure.errno))\n"
      try? Calls.writeAll(standardError, Array(text.utf8))
      Calls.exit(failure.errno == notFound ? 127 : 126)
    }
  }
#endif
