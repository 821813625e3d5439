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
    var isClosed = false

    var isEmpty: Bool { gone == waiting.count }
  }

  private let channel: any Channel
  private let state = Mutex(State())
  private let sender = Mutex<ServiceThread?>(nil)

  /// Makes the way out of a channel.
  package init(_ channel: any Channel) { self.channel = channel }

  /// Sends a message, or keeps it for later; never waits.
  ///
  /// - Parameters:
  ///   - bytes: The whole message.
  ///   - files: Descriptors that go with it.
  ///   - urgency: What it is worth when the peer takes nothing.
  /// - Returns: Whether it went or waits: `false` when the connection is over or the box is full.
  package func send(
    _ bytes: Span<UInt8>, _ files: [ReceivedFile] = [], _ urgency: Urgency = .awaited
  ) -> Bool {
    var isBehind = false
    let isTaken = state.withLock { state in
      guard !state.isClosed else { return false }
      var sent = 0
      if state.isEmpty {
        do throws(LinuxErrno) {
          sent = try channel.send(bytes, files)
        } catch {
          guard error == .EAGAIN else {
            close(&state)
            return false
          }
        }
        if sent == bytes.count { return true }
      }
      let rest = bytes.count - sent
      guard sent > 0 || urgency == .awaited || state.byteCount + rest <= Self.limit else {
        return false
      }
      isBehind = true
      state.byteCount += rest
      var copy = [UInt8](repeating: 0, count: rest)
      for index in 0..<rest { copy[index] = bytes[sent + index] }
      state.waiting.append(Waiting(bytes: copy, first: 0, files: sent > 0 ? [] : files))
      return true
    }
    if isBehind { pokeSender() }
    return isTaken
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
