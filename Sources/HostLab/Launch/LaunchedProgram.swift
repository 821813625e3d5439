#if os(Linux)
  package import HostSystem
  private import Synchronization

  /// A program that runs under a filter, in a mount namespace of its own.
  ///
  /// Everything that it starts belongs to it: when it ends, or when this process does, whatever still
  /// runs below it is killed. Its mounts go with its last process.
  package final class LaunchedProgram: Sendable {
    /// The seccomp notification descriptor.
    package let listener: Int32
    /// The program's process.
    package let pid: Int32
    /// The device nodes of the private tree, and their paths.
    package let nodes: [FileIdentity: String]
    /// Whether the nodes are character devices; else they are empty files, and whoever asks for
    /// their kind has to be told by the supervisor.
    package let nodesAreCharacterDevices: Bool

    private let guardProcess: Int32
    private let channel: Int32
    private let signalReader: Int32
    private let signalsBefore: UInt64
    private let end = Mutex<ProgramEnd?>(nil)

    private init(_ start: LaunchStart, listener: Int32, signalsBefore: UInt64) {
      self.listener = listener
      self.signalsBefore = signalsBefore
      pid = start.program
      nodes = start.nodes
      nodesAreCharacterDevices = start.hasRealNodes
      guardProcess = start.guardProcess
      channel = start.channel
      signalReader = start.signalReader
    }

    deinit {
      for descriptor in [listener, channel, signalReader] { try? Calls.close(descriptor) }
    }

    /// Starts a program.
    ///
    /// Returns when the listener is here: calls that the filter asks about may wait already, the
    /// program's `execve` among them. For a process with one thread, since it forks; SIGINT, SIGQUIT,
    /// SIGTERM and SIGHUP are blocked in this thread, and in those it makes, until ``wait()`` returns.
    ///
    /// - Throws: ``LaunchError``; nothing is left then.
    package static func launch(_ plan: LaunchPlan) throws(LaunchError) -> LaunchedProgram {
      let threads = (try? Folder.names(in: "/proc/self/task")) ?? []
      precondition(threads.count <= 1, "a program is launched before there are other threads")
      let name = plan.arguments.first ?? ""
      let path = try ProgramLookup.find(name, searchPath: Calls.environmentValue("PATH"))

      // The guard ends what is left; should somebody kill the guard, this process has to.
      try attempt("adopt orphans") { () throws(CallFailure) in try Calls.adoptOrphans() }
      var before: UInt64 = 0
      try attempt("block signals") { () throws(CallFailure) in
        before = try Calls.blockSignals(Calls.mask(LaunchStart.kept))
      }
      do throws(LaunchError) {
        var start = try LaunchStart(plan, path: path, signals: before)
        let listener = try start.finish()
        return LaunchedProgram(start, listener: listener, signalsBefore: before)
      } catch {
        _ = try? Calls.setBlockedSignals(before)
        throw error
      }
    }

    /// Waits until the program has ended and nothing of it runs any more.
    ///
    /// Meanwhile SIGTERM and SIGHUP, and signals that a process sends to this one, are passed on to
    /// the program. Keys on the terminal reach the program by themselves.
    package func wait() -> ProgramEnd {
      end.withLock { end in
        if let end { return end }
        var found: ProgramEnd?
        loop: while true {
          let ready = (try? Calls.waitReadable([channel, signalReader])) ?? [true, false]
          if ready[1] { passSignalsOn() }
          guard ready[0] else { continue }
          let bytes = (try? Calls.receive(channel, limit: 4096)) ?? []
          if bytes.isEmpty { break loop }
          if case .ended(let how)? = LaunchMessage(bytes) { found = how }
        }
        _ = try? Calls.reap(guardProcess)
        // A guard that was killed has left everybody to this process.
        if found == nil { Descendants.endAll { _, _ in } }
        passSignalsOn()
        // A log whose reader has gone must not end this process in the program's place.
        let brokenPipe: Int32 = 13
        _ = try? Calls.setBlockedSignals(signalsBefore | Calls.mask([brokenPipe]))
        // A guard that was killed tells nothing; its death is the program's.
        let how = found ?? .signalled(9)
        end = how
        return how
      }
    }

    /// Ends the program and everything below it.
    package func killAll() { Calls.finishSending(channel) }

    private func passSignalsOn() {
      let terminate: Int32 = 15
      let hangUp: Int32 = 1
      while let signal = Calls.nextSignal(signalReader) {
        guard signal.isSentByProcess || [terminate, hangUp].contains(signal.number) else {
          continue
        }
        try? Calls.signal(pid, signal.number)
      }
    }
  }
#endif
