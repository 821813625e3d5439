import Serving
import Synchronization

/// Remembers whether a client ever came.
final class ClientsSeen: ServeTrace {
  private let seen = Atomic(false)

  /// Whether one did.
  var hasSome: Bool { seen.load(ordering: .relaxed) }

  /// Nothing of accesses is looked at.
  var wantsAccesses: Bool { false }

  func note(_ event: ServeEvent, of device: String) {
    if case .connected = event { seen.store(true, ordering: .relaxed) }
  }
}
