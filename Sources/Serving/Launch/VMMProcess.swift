#if os(Linux)
  package import HostSystem

  /// Signals that are to end this process, held back so that it can end in order.
  ///
  /// Made before any other thread: only threads that start later hold the signals back as well.
  package final class HeldSignals: Sendable {
    /// Interrupt, quit, terminate, hang up.
    private static let held: [Int32] = [2, 3, 15, 1]

    /// Readable when a signal has arrived.
    package let reader: Int32
    /// What was blocked before.
    package let before: UInt64

    /// Holds them back in this thread and in those that it makes from now on.
    ///
    /// - Throws: ``HostSystem/CallFailure``; then nothing has changed.
    package init() throws(CallFailure) {
      let mask = Calls.mask(Self.held)
      let reader = try Calls.makeSignalReader(mask)
      do throws(CallFailure) {
        before = try Calls.blockSignals(mask)
      } catch {
        try? Calls.close(reader)
        throw error
      }
      self.reader = reader
    }

    deinit { try? Calls.close(reader) }

    /// The next one that has arrived; `nil` when none waits.
    package func next() -> ArrivedSignal? { Calls.nextSignal(reader) }

    /// Waits for the next one.
    ///
    /// - Returns: Its number.
    package func wait() -> Int32 {
      while true {
        if let signal = next() { return signal.number }
        _ = try? Calls.waitReadable([reader])
      }
    }
  }

  /// A VMM that runs as a child of this process, on the same terminal.
  package final class VMMProcess: Sendable {
    /// Its number.
    package let process: Int32
    private let descriptor: Int32
    private let signals: HeldSignals

    /// Starts it, with no signal blocked.
    ///
    /// - Parameters:
    ///   - words: The program, looked up in `PATH`, and its arguments.
    ///   - signals: What is held back here and passed on to it.
    /// - Throws: ``VMMStartError``.
    package init(_ words: [String], passingOn signals: HeldSignals) throws(VMMStartError) {
      self.signals = signals
      let name = words.first ?? ""
      do throws(CallFailure) {
        process = try Calls.spawn(words, blockedSignals: 0)
      } catch {
        throw VMMStartError(program: name, errno: error.errno)
      }
      do throws(CallFailure) {
        // Nobody else reaps the child, so that the number is still its own.
        descriptor = try Calls.openProcess(process)
      } catch {
        try? Calls.signal(process, Self.kill)
        _ = try? Calls.reap(process)
        throw VMMStartError(program: name, errno: error.errno)
      }
    }

    deinit { try? Calls.close(descriptor) }

    /// Waits until it has ended; once.
    ///
    /// Meanwhile SIGTERM and SIGHUP, and signals that a process sent to this one, are passed on. Keys
    /// on the terminal reach it by themselves.
    ///
    /// - Returns: How it ended.
    package func wait() -> ProgramEnd {
      while true {
        let ready = (try? Calls.waitReadable([descriptor, signals.reader])) ?? [true, true]
        if ready[1] { passSignalsOn() }
        guard ready[0] else { continue }
        // One that somebody else reaped is gone, however it ended.
        guard let found = try? Calls.reap(process) else { return .signalled(Self.kill) }
        if let end = ProgramEnd(waitStatus: found.status) { return end }
      }
    }

    /// Asks it to end.
    package func end() { try? Calls.signal(process, Self.terminate) }

    private static let hangUp: Int32 = 1
    private static let kill: Int32 = 9
    private static let terminate: Int32 = 15

    private func passSignalsOn() {
      while let signal = signals.next() {
        guard signal.isSentByProcess || [Self.terminate, Self.hangUp].contains(signal.number) else {
          continue
        }
        try? Calls.signal(process, signal.number)
      }
    }
  }
#endif

/// Why a VMM was not started.
package struct VMMStartError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The program's name.
  package var program: String
  /// Why not.
  package var errno: Int32

  private static let noEntry: Int32 = 2
  private static let noAccess: Int32 = 13

  /// The failure in words.
  package var description: String {
    switch errno {
    case Self.noEntry: "\(program): there is no such program, or not what it is to be run with"
    case Self.noAccess: "\(program): not a file that may be run"
    default: "\(program): cannot be started (\(ServeEvent.name(errno)))"
    }
  }

  /// The status that a shell would exit with.
  package var exitStatus: Int32 {
    switch errno {
    case Self.noEntry: 127
    case Self.noAccess: 126
    default: 125
    }
  }
}
