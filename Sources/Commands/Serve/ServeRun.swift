#if os(Linux)
  import ArgumentParser
  import HostSystem
  import LogText
  import Serving
  import SystemPackage

  /// One run of `passage serve`: the machine, its log and status, and the VMM if there is one.
  struct ServeRun {
    /// Makes the machine that is served.
    typealias Making =
      @Sendable (ServeOptions, any ServeTrace) throws -> any ServingMachine

    private let options: ServeOptions
    private let folder: String?
    private let make: Making

    /// Describes a run.
    ///
    /// - Parameters:
    ///   - options: What to serve.
    ///   - folder: The folder of sockets that the user wants; `nil` for a fresh one.
    ///   - make: Makes the machine.
    init(
      _ options: ServeOptions, folder: String?, making make: @escaping Making = ServeRun.machine
    ) {
      self.options = options
      self.folder = folder
      self.make = make
    }

    /// Serves until the VMM ends, or until a signal where there is none.
    ///
    /// The process must have one thread. What is wrong is said on standard error.
    ///
    /// - Returns: The exit status.
    func run() -> Int32 {
      do {
        return try serve()
      } catch let error as VMMStartError {
        Self.complain("\(error)")
        return error.exitStatus
      } catch let error as VMMCommandError {
        Self.complain("\(error)")
        return ExitStatus.unusableInput.rawValue
      } catch let error as ServeChoiceError {
        // A folder's whole path is known only here, and may be too long for sockets.
        Self.complain("\(error)")
        return ExitStatus.unusableInput.rawValue
      } catch {
        Self.complain("\(error)")
        return 125
      }
    }

    /// Says something on standard error.
    static func complain(_ text: String) {
      var sink = ByteSink(.standardError)
      try? sink.write("passage serve: \(text)\n")
      try? sink.flush()
    }

    private func serve() throws -> Int32 {
      // Before there is any other thread: those that come hold the signals back as well.
      let signals = try HeldSignals()
      let brokenPipe: Int32 = 13
      try Calls.blockSignals(Calls.mask([brokenPipe]))
      // Whatever the orderly end waits for, a log that nobody reads say: another signal ends this process.
      let hasty = ServiceThread {
        let hangUp: Int32 = 1
        while true {
          let signal = signals.wait()
          // A terminal that goes away may say so twice.
          if signal != hangUp { Calls.exit(128 + signal) }
        }
      }
      defer { withExtendedLifetime(hasty) {} }
      // Each mapping of a client holds one.
      OtherProcess.raiseOwnDescriptorLimit()
      let directory = try SocketDirectory(folder)
      defer { directory.remove() }
      var options = options
      options.socketDirectory = directory.path

      let log = try options.log.map { options throws(HostError) in try ServeLog(options) }
      defer { if let problem = log?.finish() { Self.complain("the log: \(problem)") } }
      // Both on one terminal would say everything twice.
      let notices =
        options.log?.path == "-" ? nil : ServeNotices { text in Self.complain(text) }
      defer { notices?.finish() }
      let clients = ClientsSeen()
      let hears: [any ServeTrace] = [clients] + (notices.map { [$0] } ?? [])
      let machine = try make(
        options, ServeTraces(hears + (log.map { [$0 as any ServeTrace] } ?? [])))
      log?.learn(machine.functions)
      defer { machine.stop() }

      let command = try VMMCommand(options.command, machine.plan)
      try machine.start()
      let status = try StatusServer(in: directory.path) { machine.status() }
      defer { status.stop() }
      defer { hasty.poke() }
      return try wait(command, machine.plan, directory.path, signals) { clients.hasSome }
    }

    /// Starts the VMM and waits for it, or says how to start one and waits for a signal.
    private func wait(
      _ command: VMMCommand, _ plan: VMMPlan, _ folder: String, _ signals: HeldSignals,
      wasConnected: () -> Bool
    ) throws -> Int32 {
      guard options.command.isEmpty else {
        if let warning = ServeWords.warning(plan) { Self.complain(warning) }
        for note in command.notes { Self.complain("\(note)") }
        Self.complain("sockets and status are in \(folder)")
        let end = try VMMProcess(command.words, passingOn: signals).wait()
        let name = options.command.first ?? ""
        if let words = ServeWords.words(name, end, wasConnected: wasConnected()) {
          Self.complain(words)
        }
        return end.status
      }
      let text = ServeWords(plan, folder: folder, command: command)
      Self.say(text.introduction)
      var sink = ByteSink()
      try sink.write(command.printed + "\n")
      try sink.flush()
      Self.say(text.closing)
      _ = signals.wait()
      return 0
    }

    private static func say(_ text: String) {
      var sink = ByteSink(.standardError)
      try? sink.write(text)
      try? sink.flush()
    }
  }
#endif
