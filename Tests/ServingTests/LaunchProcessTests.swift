#if os(Linux)
  import HostSystem
  import Testing

  @testable import Serving

  @Suite("A VMM that is started")
  struct LaunchProcessTests {
    /// Holds signals back in this thread for a test without a suspension point.
    private func holding<Result>(_ body: (HeldSignals) throws -> Result) throws -> Result {
      let signals = try HeldSignals()
      defer { _ = try? Calls.setBlockedSignals(signals.before) }
      return try body(signals)
    }

    @Test("its status comes back", arguments: [0, 1, 7, 255])
    func status(_ status: Int32) throws {
      let end = try holding { signals in
        try VMMProcess(["sh", "-c", "exit \(status)"], passingOn: signals).wait()
      }
      #expect(end == .exited(status))
    }

    @Test("a signal that ends it comes back", arguments: [6, 9, 15])
    func signal(_ signal: Int32) throws {
      let end = try holding { signals in
        try VMMProcess(["sh", "-c", "kill -\(signal) $$"], passingOn: signals).wait()
      }
      #expect(end == .signalled(signal))
      #expect(end.status == 128 + signal)
    }

    @Test("its arguments reach it whole, and no signal is blocked in it")
    func arguments() throws {
      let script = #"test "$1" = "a b" && test "$2" = "" && kill -TERM $$; exit 1"#
      let end = try holding { signals in
        try VMMProcess(["sh", "-c", script, "sh", "a b", ""], passingOn: signals).wait()
      }
      #expect(end == .signalled(15))
    }

    @Test("it ends when it is asked to")
    func asked() throws {
      let end = try holding { signals in
        let process = try VMMProcess(["sleep", "100"], passingOn: signals)
        process.end()
        return process.wait()
      }
      #expect(end == .signalled(15))
    }

    @Test("a signal that arrives here is passed on")
    func passedOn() throws {
      // Of those that are passed on, the one that nobody ignores by habit.
      let signal: Int32 = 15
      let end = try holding { signals in
        let process = try VMMProcess(["sleep", "100"], passingOn: signals)
        // To this thread alone: another one of the tests would end by it.
        try Calls.signal(thread: Calls.ownThread, of: Calls.ownProcess, signal)
        return process.wait()
      }
      #expect(end == .signalled(signal))
    }

    @Test("what is no program is told as a shell tells it")
    func missing() throws {
      try holding { signals in
        for (name, status) in [("/none/such", 127), ("no-such-program", 127), ("/etc/passwd", 126)]
        {
          do {
            _ = try VMMProcess([name], passingOn: signals)
            Issue.record("\(name) was started")
          } catch let error as VMMStartError {
            #expect(Int(error.exitStatus) == status, "\(error)")
          }
        }
      }
    }

    @Test("words with a zero byte start nothing")
    func zeros() throws {
      try holding { signals in
        #expect(throws: VMMStartError.self) {
          try VMMProcess(["sh", "-c", "exit 0\0"], passingOn: signals)
        }
        #expect(throws: VMMStartError.self) { try VMMProcess([], passingOn: signals) }
      }
    }
  }
#endif
