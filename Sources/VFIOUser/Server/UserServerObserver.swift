/// What happens at a server's socket.
public enum UserServerEvent: Hashable, Sendable {
  /// The socket waits for its client.
  case listening(path: String)
  /// A client connected; its version and what it can do, in words.
  case connected(String)
  /// A client is gone, and why.
  case disconnected(String)
  /// A message was refused: its name, what was wrong in words, the errno of the reply.
  case refused(message: String, why: String, errno: Int32)
  /// The client did not answer a message of ours in time: its name.
  case replyTimeout(message: String)
}

/// Hears what happens at a server's socket; from any thread, and must not wait or call back.
public protocol UserServerObserver: Sendable {
  /// Something happened.
  ///
  /// - Parameter event: What.
  func note(_ event: UserServerEvent)
}
