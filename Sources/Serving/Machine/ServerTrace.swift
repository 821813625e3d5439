import VFIOUser

/// Tells of a socket's life.
struct ServerTrace: UserServerObserver {
  private let name: String
  private let trace: any ServeTrace

  init(_ name: String, _ trace: any ServeTrace) {
    self.name = name
    self.trace = trace
  }

  func note(_ event: UserServerEvent) {
    let told: ServeEvent =
      switch event {
      case .listening(let path): .listening(path: path)
      case .connected(let words): .connected(words)
      case .disconnected(let reason): .disconnected(reason)
      case .refused(let message, let why, let errno):
        .refused(message: message, why: why, errno: errno)
      case .replyTimeout(let message): .note("the client did not answer \(message) in time")
      }
    trace.note(told, of: name)
  }
}
