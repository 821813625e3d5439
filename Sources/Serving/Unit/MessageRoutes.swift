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
  private let ports = Mutex<[any MessageCarrier]>([])
  private let name: String
  private let trace: any ServeTrace

  package init(of name: String, trace: any ServeTrace) {
    self.name = name
    self.trace = trace
  }

  /// One more function that can carry messages.
  func add(_ port: any MessageCarrier) { ports.withLock { $0.append(port) } }

  package func send(_ data: UInt32, to address: UInt64) {
    let ports = ports.withLock { $0 }
    if ports.contains(where: { $0.post(data, to: address) }) {
      trace.note(.message(address: address, data: data), of: name)
    } else {
      trace.note(
        .note("an interrupt of the unit is lost: no function of ours is a bus master"), of: name)
    }
  }
}
