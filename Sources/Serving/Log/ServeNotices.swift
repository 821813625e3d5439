import LogText
import Synchronization

/// Says on a terminal what an operator wants to hear of without a log: who comes and goes, and what
/// went wrong.
///
/// A guest can cause any number of the latter, so each kind is said a few times only.
package final class ServeNotices: ServeTrace {
  /// As often each kind of trouble is said for one device.
  private static let limit = 8

  private let sink: @Sendable (String) -> Void
  private let counts = Mutex<[String: Int]>([:])

  /// Nothing of accesses is said.
  package var wantsAccesses: Bool { false }

  /// Makes notices.
  ///
  /// - Parameter sink: Takes a line without its end; from any thread, and must not wait.
  package init(_ sink: @escaping @Sendable (String) -> Void) { self.sink = sink }

  /// Hears of an event.
  ///
  /// - Parameters:
  ///   - event: What happened.
  ///   - device: The device's name, or the unit's.
  package func note(_ event: ServeEvent, of device: String) {
    switch event {
    case .connected, .disconnected, .refused, .unit, .note: break
    // The guest is told of faults and logs them itself; the terminal may be its console.
    case .dma, .listening, .mapped, .unmapped, .access, .interrupt, .message, .interruptsChanged,
      .reset, .controls, .pageRequest, .pageResponse:
      return
    }
    let words = event.words(nil)
    let key = device + " " + words.event
    let count = counts.withLock { counts in
      counts[key, default: 0] &+= 1
      return counts[key, default: 0]
    }
    guard count <= Self.limit else { return }
    sink(
      "\(device): \(words.event): \(words.text)"
        + (count == Self.limit ? " (the log has more like this)" : ""))
  }
}

/// Gives events to several that hear of them.
package struct ServeTraces: ServeTrace {
  private let all: [any ServeTrace]

  /// Puts some together.
  ///
  /// - Parameter all: Who hears of events.
  package init(_ all: [any ServeTrace]) { self.all = all }

  /// Whether anybody wants accesses.
  package var wantsAccesses: Bool { all.contains(where: \.wantsAccesses) }

  /// Passes an event on.
  ///
  /// - Parameters:
  ///   - event: What happened.
  ///   - device: The device's name, or the unit's.
  package func note(_ event: ServeEvent, of device: String) {
    for trace in all { trace.note(event, of: device) }
  }
}
