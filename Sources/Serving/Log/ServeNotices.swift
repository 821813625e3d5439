import HostSystem
import LogText
import Synchronization

/// Says on a terminal what an operator wants to hear of without a log: who comes and goes, and what
/// went wrong.
///
/// A guest can cause any number of what is neither, so each kind of it is said a few times a client
/// only. Events come from under locks that guests wait for, and a terminal can be stopped: lines are
/// written on a thread of their own, and those that find no room meanwhile are counted.
package final class ServeNotices: ServeTrace {
  /// As often each kind is said of one device and one client of it.
  private static let limit = 8

  private let lines: NoticeQueue
  /// How often each kind came, by device.
  private let counts = Mutex<[String: [String: Int]]>([:])
  private let sink: @Sendable (String) -> Void
  private let thread: ServiceThread

  /// Nothing of accesses is said.
  package var wantsAccesses: Bool { false }

  /// Makes notices.
  ///
  /// - Parameters:
  ///   - room: How many lines may wait for being written.
  ///   - sink: Takes a line without its end, on one thread at a time; it may wait.
  package init(room: Int = 256, _ sink: @escaping @Sendable (String) -> Void) {
    let lines = NoticeQueue(room: room)
    self.lines = lines
    self.sink = sink
    thread = ServiceThread {
      lines.write(to: sink)
      return false
    }
  }

  /// Hears of an event.
  ///
  /// - Parameters:
  ///   - event: What happened.
  ///   - device: The device's name, or the unit's.
  package func note(_ event: ServeEvent, of device: String) {
    let isCounted: Bool
    switch event {
    case .connected:
      isCounted = false
      counts.withLock { $0[device] = nil }
    case .disconnected: isCounted = false
    // Each boot finds the registers anew: a kind of its own, which leaves warnings their room.
    case .refused, .unit, .note, .registers: isCounted = true
    // The guest is told of faults and logs them itself; the terminal may be its console.
    case .dma, .listening, .mapped, .unmapped, .access, .interrupt, .message, .interruptsChanged,
      .reset, .controls, .pageRequest, .pageResponse, .invalidated:
      return
    }
    let words = event.words(nil)
    let count = isCounted ? countUp(words.event, of: device) : 0
    guard count <= Self.limit else { return }
    lines.append(
      "\(device): \(words.event): \(words.text)"
        + (count == Self.limit ? " (the log has more like this)" : ""))
    thread.poke()
  }

  private func countUp(_ kind: String, of device: String) -> Int {
    counts.withLock { counts in
      counts[device, default: [:]][kind, default: 0] &+= 1
      return counts[device]?[kind] ?? 0
    }
  }

  /// Writes what waits; returns when that is done.
  package func finish() {
    thread.stop()
    lines.write(to: sink)
  }
}

/// Lines on their way to a terminal.
private final class NoticeQueue: Sendable {
  private struct Waiting {
    var lines: [String] = []
    var lost = 0
  }

  private let room: Int
  private let waiting = Mutex(Waiting())

  init(room: Int) { self.room = room }

  func append(_ line: String) {
    waiting.withLock { waiting in
      if waiting.lines.count < room { waiting.lines.append(line) } else { waiting.lost &+= 1 }
    }
  }

  /// Writes all that waits, outside the lock.
  func write(to sink: (String) -> Void) {
    while true {
      let taken = waiting.withLock { waiting in
        defer { waiting = Waiting() }
        return waiting
      }
      guard !taken.lines.isEmpty || taken.lost > 0 else { return }
      for line in taken.lines { sink(line) }
      if taken.lost > 0 { sink("\(taken.lost) more notices came while nobody read") }
    }
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
