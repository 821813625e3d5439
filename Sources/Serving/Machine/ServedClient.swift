import Synchronization
import VFIOUser

/// Who is connected to a socket, and what is told of it.
final class ServedClient: UserServerObserver {
  private let name: String
  private let trace: any ServeTrace
  private let connected = Mutex<String?>(nil)

  init(_ name: String, _ trace: any ServeTrace) {
    self.name = name
    self.trace = trace
  }

  /// The client that is connected, in words; `nil` when none is.
  var words: String? { connected.withLock { $0 } }

  func note(_ event: UserServerEvent) {
    let told: ServeEvent
    switch event {
    case .listening(let path): told = .listening(path: path)
    case .connected(let words):
      connected.withLock { $0 = words }
      told = .connected(words)
    case .disconnected(let reason):
      connected.withLock { $0 = nil }
      told = .disconnected(reason)
    case .refused(let message, let why, let errno):
      told = .refused(message: message, why: why, errno: errno)
    case .replyTimeout(let message):
      told = .note("the client did not answer \(message) in time")
    }
    trace.note(told, of: name)
  }
}
