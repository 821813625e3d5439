import Synchronization
import VirtualIOMMU

/// A function that can carry messages of others over its client.
protocol MessageCarrier: AnyObject, Sendable {
  /// Writes a message of an interrupt.
  ///
  /// - Returns: Whether it is on its way: only while the function is a bus master, and has a client.
  func post(_ data: UInt32, to address: UInt64) -> Bool
}

/// The way of the unit's own interrupts into the guest: messages over the client of a function that is
/// a bus master, since the unit's function, which no driver takes, is none.
///
/// The unit calls it under its lock; nothing here waits.
package final class MessageRoutes: MessageInterrupts {
  /// Who can carry messages, and those that nobody could yet.
  private struct State {
    var ports: [any MessageCarrier] = []
    var waiting: [Waiting] = []
  }

  private struct Waiting: Equatable {
    let data: UInt32
    let address: UInt64
  }

  /// Each event of the unit has one message at a time.
  private static let limit = 16

  private let state = Mutex(State())
  /// Whether messages wait.
  ///
  /// Whoever says so looks again whether a function can carry them, and a function that can do so now
  /// looks at this: in one order of all accesses, so that one of the two sees the other.
  private let isWaiting = Atomic(false)
  private let sent = Atomic<UInt64>(0)
  private let name: String
  private let trace: any ServeTrace

  package init(of name: String, trace: any ServeTrace) {
    self.name = name
    self.trace = trace
  }

  /// One more function that can carry messages.
  func add(_ port: any MessageCarrier) { state.withLock { $0.ports.append(port) } }

  /// A function may have become able to carry messages: those that wait are sent.
  ///
  /// Costs a look at a flag while none waits.
  func retry() {
    guard isWaiting.load(ordering: .sequentiallyConsistent) else { return }
    let sent = state.withLock { state in
      let sent = state.waiting.prefix { message in
        state.ports.contains { $0.post(message.data, to: message.address) }
      }
      state.waiting.removeFirst(sent.count)
      isWaiting.store(!state.waiting.isEmpty, ordering: .releasing)
      return Array(sent)
    }
    self.sent.wrappingAdd(UInt64(sent.count), ordering: .relaxed)
    for message in sent {
      trace.note(.message(address: message.address, data: message.data), of: name)
    }
  }

  /// Lets go of everybody: units and the functions that carry their messages hold each other.
  func end() { state.withLock { $0 = State() } }

  /// The unit is as at first, so nothing of before is to be sent.
  func forget() { state.withLock { $0.waiting = [] } }

  /// How many messages went.
  var sentCount: UInt64 { sent.load(ordering: .relaxed) }

  package func send(_ data: UInt32, to address: UInt64) {
    let isSent = state.withLock { state in
      if state.ports.contains(where: { $0.post(data, to: address) }) { return true }
      let message = Waiting(data: data, address: address)
      if !state.waiting.contains(message), state.waiting.count < Self.limit {
        state.waiting.append(message)
        isWaiting.store(true, ordering: .sequentiallyConsistent)
      }
      return false
    }
    if isSent {
      sent.wrappingAdd(1, ordering: .relaxed)
      trace.note(.message(address: address, data: data), of: name)
    } else {
      trace.note(
        .note("an interrupt of the unit waits: no function of ours is a bus master"), of: name)
      // A function that became one meanwhile may have looked before there was anything to send.
      retry()
    }
  }
}
