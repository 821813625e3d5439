import HostABI
import HostSystem
import Synchronization

/// The way out of a connection: whole messages of several threads, in the order they came.
///
/// A message goes at once when there is room. What does not go waits here, up to a limit, and another
/// thread sends it; nobody who puts a message in waits for the peer.
package final class Outbox: Sendable {
  /// Bytes that may wait.
  package static let limit = 4 << 20

  /// What a message is worth when the peer takes nothing.
  package enum Urgency: Sendable {
    /// It is given up when the box is full.
    case posted
    /// It waits even in a full box: there is one for each waiting thread.
    case awaited
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
    /// Whether a thread is in the middle of its message, so that nobody else may send.
    var isHeld = false
    var isClosed = false

    var isEmpty: Bool { gone == waiting.count }
    var isFree: Bool { isEmpty && !isHeld }
  }

  private let channel: any Channel
  private let state = Mutex(State())
  private let sender = Mutex<ServiceThread?>(nil)

  /// Makes the way out of a channel.
  package init(_ channel: any Channel) { self.channel = channel }

  /// What became of a message at first.
  private enum Start {
    case over(Bool)
    /// It waits.
    case behind
    /// So many bytes are gone, and nobody else may send.
    case begun(Int)
  }

  /// Sends a message, or keeps it for later.
  ///
  /// - Parameters:
  ///   - bytes: The whole message, or its start.
  ///   - tail: The rest of it, which need not stand in one piece with the start.
  ///   - files: Descriptors that go with it.
  ///   - urgency: What it is worth when the peer takes nothing.
  ///   - patience: How long this thread may wait for the peer to take the bytes from where they are;
  ///     then they are kept for later, and so at once without any.
  /// - Returns: Whether it went or waits: `false` when the connection is over or the box is full.
  package func send(
    _ bytes: Span<UInt8>, tail: Span<UInt8> = Span(), _ files: [ReceivedFile] = [],
    _ urgency: Urgency = .awaited, patience: Duration = .zero
  ) -> Bool {
    let start = state.withLock { state in
      begin(&state, bytes, tail, files, urgency, isPatient: patience > .zero)
    }
    switch start {
    case .over(let isSent): return isSent
    case .behind:
      pokeSender()
      return true
    case .begun(let sent): return finish(bytes, tail, from: sent, patience)
    }
  }

  private func begin(
    _ state: inout State, _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ files: [ReceivedFile],
    _ urgency: Urgency, isPatient: Bool
  ) -> Start {
    guard !state.isClosed else { return .over(false) }
    var sent = 0
    if state.isFree {
      do throws(LinuxErrno) {
        sent = try channel.send(bytes, tail: tail, files)
      } catch {
        guard error == .EAGAIN else {
          close(&state)
          return .over(false)
        }
      }
      if sent == bytes.count + tail.count { return .over(true) }
      if isPatient, sent > 0 {
        state.isHeld = true
        return .begun(sent)
      }
    }
    let rest = bytes.count + tail.count - sent
    guard sent > 0 || urgency == .awaited || state.byteCount + rest <= Self.limit else {
      return .over(false)
    }
    keep(&state, bytes, tail, from: sent, files: sent > 0 ? [] : files)
    return .behind
  }

  private func keep(
    _ state: inout State, _ bytes: Span<UInt8>, _ tail: Span<UInt8>, from sent: Int,
    files: [ReceivedFile]
  ) {
    var rest = [UInt8](copying: bytes.extracting(min(sent, bytes.count)..<bytes.count))
    rest += [UInt8](copying: tail.extracting(max(sent - bytes.count, 0)..<tail.count))
    state.byteCount += rest.count
    // The rest of a message that has begun comes before all others.
    let place = sent > 0 ? state.gone : state.waiting.count
    state.waiting.insert(Waiting(bytes: rest, first: 0, files: files), at: place)
  }

  /// Sends the rest of a message while nobody else may send.
  private func finish(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, from first: Int, _ patience: Duration
  ) -> Bool {
    let end = ContinuousClock.now + patience
    var sent = first
    while sent < bytes.count + tail.count, ContinuousClock.now < end {
      guard channel.waitForRoom(milliseconds: 100) else { continue }
      do throws(LinuxErrno) {
        sent +=
          sent < bytes.count
          ? try channel.send(bytes.extracting(sent..<bytes.count), tail: tail, [])
          : try channel.send(tail.extracting((sent - bytes.count)..<tail.count), [])
      } catch {
        guard error == .EAGAIN else {
          state.withLock { close(&$0) }
          return false
        }
      }
    }
    let isBehind = state.withLock { state in
      state.isHeld = false
      guard !state.isClosed else { return false }
      if sent < bytes.count + tail.count { keep(&state, bytes, tail, from: sent, files: []) }
      return !state.isEmpty
    }
    if isBehind { pokeSender() }
    return true
  }

  /// Waits until not much waits any more, or the connection is over.
  package func waitUntilLow() {
    while state.withLock({ !$0.isClosed && $0.byteCount > Self.limit / 2 }) {
      _ = channel.waitForRoom(milliseconds: 100)
      sendWaiting()
    }
  }

  /// Nothing goes any more.
  package func close() {
    state.withLock { close(&$0) }
    sender.withLock { sender in
      let thread = sender
      sender = nil
      return thread
    }?.stop()
  }

  private func close(_ state: inout State) {
    state.isClosed = true
    state.isHeld = false
    state.waiting = []
    state.gone = 0
    state.byteCount = 0
  }

  private func pokeSender() {
    sender.withLock { sender in
      if sender == nil {
        sender = ServiceThread { [weak self] in
          guard let self else { return false }
          _ = self.channel.waitForRoom(milliseconds: 100)
          return self.sendWaiting()
        }
      }
      sender?.poke()
    }
  }

  /// Sends what goes of what waits; whether something is left.
  @discardableResult
  private func sendWaiting() -> Bool {
    state.withLock { state in
      // Whoever is in the middle of a message pokes the sender afterwards.
      guard !state.isHeld else { return false }
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
          state.gone += 1
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
