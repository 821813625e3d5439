#if os(Linux)
  internal import HostSystem
  private import Synchronization

  /// What other threads ask of the tracing one.
  final class TraceOrders: Sendable {
    typealias Answer = Result<Void, CallFailure>

    private struct State {
      var waiting: [(number: Int, process: Int32)] = []
      var answers: [Int: Answer] = [:]
      var next = 0
    }

    private let state = Mutex(State())
    /// Readable while orders may wait.
    let bell: Int32

    init() throws(CallFailure) { bell = try Calls.makeEventCounter() }

    deinit { try? Calls.close(bell) }

    func add(_ process: Int32) -> Int {
      let number = state.withLock { state in
        state.next += 1
        state.waiting.append((state.next, process))
        return state.next
      }
      try? Calls.writeAll(bell, [1, 0, 0, 0, 0, 0, 0, 0])
      return number
    }

    /// The answer, once.
    func takeAnswer(_ number: Int) -> Answer? {
      state.withLock { $0.answers.removeValue(forKey: number) }
    }

    /// Answers all orders that wait.
    func serve(_ body: (Int32) -> Answer) {
      while let order = state.withLock({ $0.waiting.popLast() }) {
        let answer = body(order.process)
        state.withLock { $0.answers[order.number] = answer }
      }
    }

    /// Waits for an order.
    func wait() {
      _ = try? Calls.waitReadable([bell])
      _ = try? Calls.receive(bell, limit: 8)
    }
  }
#endif
