#if os(Linux)
  internal import HostSystem

  /// The process between the supervisor and the program.
  ///
  /// It owns the private mounts, adopts the orphans of the program, tells how the program ended, and
  /// leaves no process behind: not when the program ends, and not when the supervisor is killed,
  /// which it sees because their channel closes.
  struct Guard {
    let plan: LaunchPlan
    /// The file to execute.
    let path: String
    /// This process's end of the channel.
    let channel: Int32
    /// Where the program's process reads that the supervisor has its listener.
    let release: Int32
    /// The signals that were blocked before the start; the program starts with them.
    let signals: UInt64

    /// Does all of it; never returns, so that nothing of the supervisor's goes on here.
    func run() -> Never {
      do throws(LaunchError) {
        try attempt("adopt orphans") { () throws(CallFailure) in
          // A key on the terminal goes to this process too; only the program answers it.
          try Calls.setBlockedSignals(.max)
          try Calls.adoptOrphans()
        }
        try PrivateTree.enterNamespace()
        let mask = Calls.setCreationMask(0)
        let tree = try PrivateTree.build(plan.tree)
        Calls.setCreationMask(mask)
        // A folder that is covered now would stay the old one for whoever stands in it.
        if let folder = try? Calls.target(of: "/proc/self/cwd") { try? Calls.enter(folder) }
        for node in tree.nodes { send(.node(node.file, path: node.path)) }
        send(.nodesAreReal(tree.hasRealNodes))
        try superviseProgram(hasRealNodes: tree.hasRealNodes)
      } catch {
        if case .cannot(let what, let errno) = error { send(.cannot(what: what, errno: errno)) }
        Descendants.endAll { _, _ in }
      }
      Calls.exit(0)
    }

    private func superviseProgram(hasRealNodes: Bool) throws(LaunchError) {
      let childEnded: Int32 = 17
      var reader: Int32 = -1
      var program: Int32 = -1
      let parent = Calls.ownProcess
      try attempt("start a process") { () throws(CallFailure) in
        reader = try Calls.makeSignalReader(Calls.mask([childEnded]))
        program = try Calls.fork()
      }
      if program == 0 {
        ProgramStart(launch: self, parent: parent, hasRealNodes: hasRealNodes).run()
      }
      send(.program(program))

      var end: ProgramEnd?
      while end == nil {
        let ready = (try? Calls.waitReadable([reader, channel])) ?? [true, true]
        if ready[0] {
          while Calls.nextSignal(reader) != nil {}
          end = reapEnded(program)
        }
        // The supervisor sends nothing: what can be read here is the end.
        if ready[1] { break }
      }
      if let end { send(.ended(end)) }
      Descendants.endAll { process, status in
        guard process == program, let end = ProgramEnd(waitStatus: status) else { return }
        send(.ended(end))
      }
    }

    /// Reaps whoever has ended; answers the program's end when it is among them.
    private func reapEnded(_ program: Int32) -> ProgramEnd? {
      let noHang: Int32 = 1
      var end: ProgramEnd?
      while let child = try? Calls.reap(-1, options: noHang) {
        if child.process == program { end = ProgramEnd(waitStatus: child.status) }
      }
      return end
    }

    /// Tells the supervisor; when it is gone, nobody is to be told.
    func send(_ message: LaunchMessage) { try? Calls.send(channel, message.bytes) }
  }
#endif
