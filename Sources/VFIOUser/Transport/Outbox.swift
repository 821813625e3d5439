import HostABI
import HostSystem
import Synchronization

/// The way out of a connection: whole messages of several threads, in the order they came.
///
/// A message goes at once when there is room. What does not go waits here, up to a limit, and another
/// thread sends it; nobody who puts a message in waits for the peer.
final class Outbox: Sendable {
  /// Messages from this size on will not go at once.
  private static let large = 64 << 10
  /// How often a patient thread tries while the peer takes nothing, a tenth of a second each.
  private static let patience = 50
  /// Bytes that may wait.
  static let limit = 4 << 20

  /// What becomes of a message that does not go at once.
  enum Urgency: Sendable {
    /// It waits here, but not in a full box.
    case posted
    /// It waits here, even in a full box: there is one at a time.
    case reply
    /// Who sends it may wait, and waits for the peer rather than copy it.
    case patient
  }

  /// What became of a message.
  enum Outcome: Sendable {
    /// It went, or waits here.
    case sent
    /// The connection is over, or the box is full.
    case refused
    /// It was not to go any more.
    case shut
  }

  private struct Waiting {
    var bytes: [UInt8]
    var first: Int
    var files: [ReceivedFile]
  }

  private struct State {
    var waiting: [Waiting] = []
    /// How many of the first are gone.
    var gone = 0
    var byteCount = 0
    /// Whether a patient thread is sending the rest of a message that has begun.
    var isSending = false
    /// Whether a thread waits for it to be done.
    var isAwaited = false
    var isClosed = false

    var isEmpty: Bool { gone == waiting.count }

    /// The first message that waits went as a whole.
    ///
    /// Its bytes end now, for a box that the peer never quite empties would keep them for ever; its
    /// place ends with many others.
    mutating func dropFirst() {
      waiting[gone].bytes = []
      waiting[gone].files = []
      gone += 1
      guard gone > 64, gone >= waiting.count / 2 else { return }
      waiting.removeFirst(gone)
      gone = 0
    }
  }

  private let channel: any Channel
  private let state = Mutex(State())
  private let sender = Mutex<ServiceThread?>(nil)
  /// Given when a patient thread is done and another waits for that.
  private let isDone = TimedSignal()
  private let makeThread: @Sendable (@escaping @Sendable () -> Bool) -> ServiceThread?

  /// Makes the way out of a channel.
  ///
  /// - Parameters:
  ///   - channel: The channel.
  ///   - makeThread: Starts the thread that sends what waits; `nil` when the system has none left,
  ///     which ends the connection.
  init(
    _ channel: any Channel,
    makeThread: @escaping @Sendable (@escaping @Sendable () -> Bool) -> ServiceThread? = {
      ServiceThread.ifPossible($0)
    }
  ) {
    self.channel = channel
    self.makeThread = makeThread
  }

  /// Sends a message, or keeps it for later.
  ///
  /// - Parameters:
  ///   - bytes: The message, or its first part with at least the header.
  ///   - tail: The rest of it.
  ///   - files: Descriptors that go with it.
  ///   - urgency: What becomes of it when it does not go at once.
  /// - Returns: Whether it went or waits: `false` when the connection is over or the box is full.
  func send(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8> = Span(), _ files: [ReceivedFile] = [],
    _ urgency: Urgency = .reply
  ) -> Bool { send(bytes, tail, files, urgency, while: { true }) == .sent }

  /// Sends a message, or keeps it for later, unless it is not to go any more.
  ///
  /// What is put in after `isOpen` has begun to answer differently goes behind all that it let through.
  ///
  /// - Parameters:
  ///   - bytes: The message, or its first part with at least the header.
  ///   - tail: The rest of it.
  ///   - files: Descriptors that go with it.
  ///   - urgency: What becomes of it when it does not go at once.
  ///   - isOpen: Asked with the box locked: it must not wait, nor put anything in.
  /// - Returns: What became of it.
  func send(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ files: [ReceivedFile], _ urgency: Urgency,
    while isOpen: () -> Bool
  ) -> Outcome {
    var sent = 0
    let begin = state.withLock { state -> Begin in
      guard !state.isClosed else { return .refused }
      guard isOpen() else { return .shut }
      let byteCount = bytes.count + tail.count
      if state.isEmpty, !state.isSending {
        if urgency == .patient, byteCount >= Self.large {
          state.isSending = true
          return .partly
        }
        do throws(LinuxErrno) {
          sent = try channel.send(bytes, tail, files)
        } catch {
          guard error == .EAGAIN else {
            close(&state)
            return .refused
          }
        }
        if sent == byteCount { return .done }
        if urgency == .patient {
          state.isSending = true
          return .partly
        }
      }
      guard
        sent > 0 || urgency != .posted || state.byteCount + byteCount <= Self.limit
      else { return .refused }
      let (first, second) = Self.rest(bytes, tail, sent)
      let copy = [UInt8](copying: first, second)
      state.byteCount += copy.count
      state.waiting.append(Waiting(bytes: copy, first: 0, files: sent > 0 ? [] : files))
      return .later
    }
    switch begin {
    case .done: return .sent
    case .refused: return .refused
    case .shut: return .shut
    case .later: return pokeSender() ? .sent : .refused
    case .partly: return finish(bytes, tail, sent, files) ? .sent : .refused
    }
  }

  /// How a message began.
  private enum Begin {
    case done
    case refused
    case shut
    case later
    case partly
  }

  /// What is left of a message.
  @_lifetime(copy bytes, copy tail)
  private static func rest(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ sent: Int
  ) -> (Span<UInt8>, Span<UInt8>) {
    sent < bytes.count
      ? (bytes.extracting(sent..<bytes.count), tail)
      : (tail.extracting((sent - bytes.count)..<tail.count), Span())
  }

  /// Sends the rest of a message, while others' wait.
  private func finish(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ start: Int, _ files: [ReceivedFile]
  ) -> Bool {
    var sent = start
    var tries = 0
    while sent < bytes.count + tail.count, tries < Self.patience {
      let (first, second) = Self.rest(bytes, tail, sent)
      do throws(LinuxErrno) {
        sent += try channel.sendPatiently(first, second, sent == 0 ? files : [])
        tries = 0
      } catch {
        guard error == .EAGAIN else {
          state.withLock { close(&$0) }
          return false
        }
        tries += 1
      }
    }
    state.withLock { state in
      state.isSending = false
      if state.isAwaited { isDone.give() }
      guard !state.isClosed, sent < bytes.count + tail.count else { return }
      // The peer takes nothing: the rest goes some time, before all that came later.
      let (first, second) = Self.rest(bytes, tail, sent)
      let copy = [UInt8](copying: first, second)
      state.byteCount += copy.count
      state.waiting.insert(
        Waiting(bytes: copy, first: 0, files: sent > 0 ? [] : files), at: state.gone)
    }
    if sendWaiting() { pokeSender() }
    return true
  }

  /// Waits until not much waits any more, or the connection is over; for one thread.
  func waitUntilLow() {
    while true {
      let (isLow, isSending) = state.withLock { state in
        let isLow = state.isClosed || state.byteCount <= Self.limit / 2
        state.isAwaited = !isLow && state.isSending
        return (isLow, state.isSending)
      }
      if isLow { return }
      if isSending {
        // Room in the socket is that thread's.
        _ = isDone.take(milliseconds: 100)
      } else {
        _ = channel.waitForRoom(milliseconds: 100)
        sendWaiting()
      }
    }
  }

  /// What is held of messages that wait or went: how many places and bytes.
  var held: (places: Int, byteCount: Int) {
    state.withLock { state in
      (state.waiting.count, state.waiting.reduce(0) { $0 + $1.bytes.count })
    }
  }

  /// Nothing goes any more.
  func close() {
    state.withLock { close(&$0) }
    sender.withLock { sender in
      let thread = sender
      sender = nil
      return thread
    }?.stop()
  }

  private func close(_ state: inout State) {
    state.isClosed = true
    if state.isAwaited { isDone.give() }
    state.waiting = []
    state.gone = 0
    state.byteCount = 0
  }

  /// Lets the thread send what waits, and makes it first if there is none; whether there is one.
  @discardableResult
  private func pokeSender() -> Bool {
    let isThere = sender.withLock { sender in
      if sender == nil {
        sender = makeThread { [weak self] in
          guard let self else { return false }
          _ = self.channel.waitForRoom(milliseconds: 100)
          return self.sendWaiting()
        }
      }
      sender?.poke()
      return sender != nil
    }
    if !isThere {
      // What waits would wait for ever.
      state.withLock { close(&$0) }
      channel.shutDown()
    }
    return isThere
  }

  /// Sends what goes of what waits; whether something is left.
  @discardableResult
  private func sendWaiting() -> Bool {
    state.withLock { state in
      // Who sends now sends what waits when it has done.
      if state.isSending { return false }
      while !state.isEmpty {
        let message = state.waiting[state.gone]
        let sent: Int
        do throws(LinuxErrno) {
          sent = try channel.send(
            message.bytes.span.extracting(message.first..<message.bytes.count), message.files)
        } catch {
          if error == .EAGAIN { return true }
          close(&state)
          return false
        }
        state.byteCount -= sent
        if message.first + sent == message.bytes.count {
          state.dropFirst()
        } else {
          state.waiting[state.gone].first += sent
          state.waiting[state.gone].files = []
        }
      }
      state.waiting.removeAll(keepingCapacity: true)
      state.gone = 0
      return false
    }
  }
}
