#if os(Linux)
  internal import HostSystem

  /// A start that is under way, seen from the supervisor.
  struct LaunchStart {
    /// Interrupt, quit, terminate, hang up: what the program answers, and the supervisor outlives.
    static let kept: [Int32] = [2, 3, 15, 1]

    let guardProcess: Int32
    let channel: Int32
    let signalReader: Int32
    /// What the program's process waits for before it becomes the program.
    private let release: Int32
    private(set) var program: Int32 = -1
    private(set) var nodes: [FileIdentity: String] = [:]
    private(set) var hasRealNodes = false

    /// Makes the guard.
    init(_ plan: LaunchPlan, path: String, signals: UInt64) throws(LaunchError) {
      var ends: (Int32, Int32) = (-1, -1)
      var releases: (Int32, Int32) = (-1, -1)
      var reader: Int32 = -1
      var child: Int32 = -1
      do throws(LaunchError) {
        try attempt("start a process") { () throws(CallFailure) in
          ends = try Calls.makeChannel()
          releases = try Calls.makeChannel()
          reader = try Calls.makeSignalReader(Calls.mask(Self.kept))
          child = try Calls.fork()
        }
      } catch {
        for descriptor in [ends.0, ends.1, releases.0, releases.1, reader]
        where descriptor >= 0 {
          try? Calls.close(descriptor)
        }
        throw error
      }
      if child == 0 {
        // The guard must not hold the supervisor's ends, or it would not see them close.
        try? Calls.close(ends.0)
        try? Calls.close(releases.0)
        Guard(
          plan: plan, path: path, channel: ends.1, release: releases.1, signals: signals
        ).run()
      }
      try? Calls.close(ends.1)
      try? Calls.close(releases.1)
      release = releases.0
      guardProcess = child
      channel = ends.0
      signalReader = reader
    }

    /// Waits until the listener is there; answers it.
    mutating func finish() throws(LaunchError) -> Int32 {
      defer { try? Calls.close(release) }
      do throws(LaunchError) {
        return try receiveListener()
      } catch {
        Calls.finishSending(channel)
        _ = try? Calls.reap(guardProcess)
        try? Calls.close(channel)
        try? Calls.close(signalReader)
        throw error
      }
    }

    private mutating func receiveListener() throws(LaunchError) -> Int32 {
      var number: Int32?
      // The two processes send side by side, so that either may be first.
      while program < 0 || number == nil {
        let bytes = (try? Calls.receive(channel, limit: 4096)) ?? []
        guard !bytes.isEmpty else { throw .lost }
        switch LaunchMessage(bytes) {
        case .node(let file, let path)?: nodes[file] = path
        case .nodesAreReal(let are)?: hasRealNodes = are
        case .program(let process)?: program = process
        case .listener(let there)?: number = there
        case .cannot(let what, let errno)?: throw .cannot(what: what, errno: errno)
        case .ended?, nil: throw .lost
        }
      }
      var listener: Int32 = -1
      let program = program
      try attempt("take the listener of the program's process") { () throws(CallFailure) in
        listener = try Calls.takeDescriptor(number ?? -1, of: program)
        try Calls.send(release, [1])
      }
      return listener
    }
  }
#endif
