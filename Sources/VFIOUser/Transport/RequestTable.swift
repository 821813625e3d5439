import HostABI
import HostSystem
import Synchronization

/// The requests of this side that the peer has not answered yet, by their numbers.
package final class RequestTable: Sendable {
  /// Requests that may be without an answer at a time, of each sort.
  private static let limit = 1024

  /// An answer.
  struct Reply: Sendable {
    var header: UserHeader
    var payload: [UInt8]
    var files: [ReceivedFile]
  }

  /// Where a thread waits for one.
  final class Slot: Sendable {
    fileprivate let signal = TimedSignal()
    fileprivate let reply = Mutex<Reply?>(nil)
  }

  /// What came of an answer.
  enum Outcome {
    /// A thread that waited has it.
    case delivered
    /// It was to a request that nobody waits for, which went wrong.
    case refused(UserCommand, Int32)
    /// It was to a request that nobody waits for.
    case done
    /// There is no such request.
    case unknown
  }

  private enum Entry {
    case awaited(UserCommand, Slot)
    case posted(UserCommand)
    /// Its thread gave up; the number stays taken until the answer comes.
    case late
  }

  private struct State {
    var next: UInt16 = 0
    var entries: [UInt16: Entry] = [:]
    var lateCount = 0
    var postedCount = 0
    var freeSlots: [Slot] = []
    var isOver = false

    /// A number that no request has.
    mutating func takeNumber() -> UInt16 {
      // The limits leave most numbers free.
      while entries[next] != nil { next &+= 1 }
      defer { next &+= 1 }
      return next
    }
  }

  private let state = Mutex(State())

  package init() {}

  /// A number for a request that nobody waits for; `nil` when too many have no answer yet.
  func post(_ command: UserCommand) -> UInt16? {
    state.withLock { state in
      guard !state.isOver, state.postedCount < Self.limit else { return nil }
      let id = state.takeNumber()
      state.entries[id] = .posted(command)
      state.postedCount += 1
      return id
    }
  }

  /// A number and a place to wait for a request's answer; `nil` when the connection is over, or too
  /// many requests have no answer.
  func begin(_ command: UserCommand) -> (id: UInt16, slot: Slot)? {
    state.withLock { state in
      guard !state.isOver, state.lateCount < Self.limit,
        state.entries.count < 16 * Self.limit
      else { return nil }
      let id = state.takeNumber()
      let slot = state.freeSlots.popLast() ?? Slot()
      state.entries[id] = .awaited(command, slot)
      return (id, slot)
    }
  }

  /// Waits for an answer.
  ///
  /// - Parameters:
  ///   - request: What ``begin(_:)`` gave.
  ///   - milliseconds: How long at most.
  /// - Returns: The answer; `nil` when none came in time, or none will.
  func wait(_ request: (id: UInt16, slot: Slot), milliseconds: Int64) -> Reply? {
    if !request.slot.signal.take(milliseconds: milliseconds) {
      state.withLock { state in
        // The answer may have come since.
        guard case .awaited = state.entries[request.id] else { return }
        state.entries[request.id] = .late
        state.lateCount += 1
      }
    }
    let reply = request.slot.reply.withLock { reply in
      defer { reply = nil }
      return reply
    }
    request.slot.signal.clear()
    state.withLock { if $0.freeSlots.count < 16 { $0.freeSlots.append(request.slot) } }
    return reply
  }

  /// Forgets a request that was not sent.
  func cancel(_ id: UInt16) {
    state.withLock { state in
      if case .posted = state.entries.removeValue(forKey: id) { state.postedCount -= 1 }
    }
  }

  /// Gives an answer to whoever waits for it.
  func complete(
    _ header: UserHeader, _ payload: Span<UInt8>, _ files: [ReceivedFile]
  ) -> Outcome {
    state.withLock { state in
      switch state.entries[header.id] {
      case .awaited(let command, let slot):
        guard command == header.command else { return .unknown }
        state.entries[header.id] = nil
        let bytes = [UInt8](copying: payload)
        slot.reply.withLock { $0 = Reply(header: header, payload: bytes, files: files) }
        slot.signal.give()
        return .delivered
      case .posted(let command):
        guard command == header.command else { return .unknown }
        state.entries[header.id] = nil
        state.postedCount -= 1
        return header.hasError
          ? .refused(command, Int32(truncatingIfNeeded: header.error)) : .done
      case .late:
        state.entries[header.id] = nil
        state.lateCount -= 1
        return .done
      case nil:
        return .unknown
      }
    }
  }

  /// Whether no answer comes any more.
  var isOver: Bool { state.withLock { $0.isOver } }

  /// No answer comes any more: whoever waits wakes.
  func close() {
    state.withLock { state in
      state.isOver = true
      for entry in state.entries.values {
        if case .awaited(_, let slot) = entry { slot.signal.give() }
      }
      state.entries = [:]
    }
  }
}
