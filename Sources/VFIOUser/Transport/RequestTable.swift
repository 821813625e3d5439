import HostABI
import HostSystem
import Synchronization

/// The requests of this side that the peer has not answered yet, by their numbers.
final class RequestTable: Sendable {
  /// Requests that may be without an answer at a time, of each sort.
  private static let limit = 1024

  /// An answer.
  struct Reply: Sendable {
    let header: UserHeader
    let files: [ReceivedFile]
    /// A buffer, and where in it the payload is.
    fileprivate var buffer: [UInt8]
    fileprivate let place: Range<Int>

    /// The bytes behind the header.
    var payload: Span<UInt8> {
      @_lifetime(borrow self)
      get { buffer.span.extracting(place) }
    }
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

  /// Hears of an answer whether it tells of an error; on the thread that receives: it must not wait.
  typealias Hearing = @Sendable (_ hasError: Bool) -> Void

  private enum Entry {
    case awaited(UserCommand, Slot)
    case posted(UserCommand, heard: Hearing?)
    /// Its thread gave up; the number stays taken until the answer comes.
    case late
  }

  private struct State {
    var next: UInt16 = 0
    var entries: [UInt16: Entry] = [:]
    var lateCount = 0
    var postedCount = 0
    var freeSlots: [Slot] = []
    /// A large buffer that nobody uses, or an empty one.
    var spare: [UInt8] = []
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

  init() {}

  /// Makes a request that nobody waits for.
  ///
  /// - Parameters:
  ///   - command: What is asked.
  ///   - heard: Hears of the answer, whose errors are then no refusals; nothing when none comes.
  /// - Returns: Its number; `nil` when too many have no answer yet.
  func post(_ command: UserCommand, heard: Hearing? = nil) -> UInt16? {
    state.withLock { state in
      guard !state.isOver, state.postedCount < Self.limit else { return nil }
      let id = state.takeNumber()
      state.entries[id] = .posted(command, heard: heard)
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
      let isLate = state.withLock { state in
        guard case .awaited = state.entries[request.id] else { return false }
        state.entries[request.id] = .late
        state.lateCount += 1
        return true
      }
      // The answer has come since, and its signal is about to: the next user of the slot must not
      // find it.
      if !isLate { _ = request.slot.signal.take(milliseconds: milliseconds) }
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
  ///
  /// A large one is not copied: whoever waits gets the reader's buffer, and the reader another one.
  func complete(
    _ header: UserHeader, _ reader: inout MessageReader, _ files: [ReceivedFile]
  ) -> Outcome {
    settle(header) { spare in
      guard reader.payload.count >= Self.largeCount else {
        return Self.copy(header, reader.payload, files)
      }
      var buffer: [UInt8] = []
      swap(&buffer, &spare)
      let place = reader.exchange(&buffer)
      return Reply(header: header, files: files, buffer: buffer, place: place)
    }
  }

  /// Payloads from this size on are handed over rather than copied.
  private static let largeCount = 16 * 1024

  /// Gives an answer to whoever waits for it.
  func complete(
    _ header: UserHeader, _ payload: Span<UInt8>, _ files: [ReceivedFile]
  ) -> Outcome {
    settle(header) { _ in Self.copy(header, payload, files) }
  }

  private static func copy(
    _ header: UserHeader, _ payload: Span<UInt8>, _ files: [ReceivedFile]
  ) -> Reply {
    // That to a write says nothing but what was asked.
    let payload = header.command == .writeDMA ? Span() : payload
    return Reply(
      header: header, files: files, buffer: [UInt8](copying: payload), place: 0..<payload.count)
  }

  /// Takes the buffer of an answer back that nobody looks at any more.
  func recycle(_ reply: inout Reply) {
    guard reply.buffer.count >= Self.largeCount else { return }
    var buffer: [UInt8] = []
    swap(&buffer, &reply.buffer)
    state.withLock { swap(&buffer, &$0.spare) }
  }

  private func settle(_ header: UserHeader, _ reply: (inout [UInt8]) -> Reply) -> Outcome {
    let (outcome, slot, heard) = state.withLock { state -> (Outcome, Slot?, Hearing?) in
      switch state.entries[header.id] {
      case .awaited(let command, let slot):
        guard command == header.command else { return (.unknown, nil, nil) }
        state.entries[header.id] = nil
        let answer = reply(&state.spare)
        slot.reply.withLock { $0 = answer }
        return (.delivered, slot, nil)
      case .posted(let command, let heard):
        guard command == header.command else { return (.unknown, nil, nil) }
        state.entries[header.id] = nil
        state.postedCount -= 1
        guard heard == nil, header.hasError else { return (.done, nil, heard) }
        return (.refused(command, Int32(truncatingIfNeeded: header.error)), nil, nil)
      case .late:
        state.entries[header.id] = nil
        state.lateCount -= 1
        return (.done, nil, nil)
      case nil:
        return (.unknown, nil, nil)
      }
    }
    // Whoever wakes or hears wants the lock.
    slot?.signal.give()
    heard?(header.hasError)
    return outcome
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
