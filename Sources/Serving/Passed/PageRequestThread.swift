import HostSystem
import Synchronization

/// Waits for a device's page requests, on a thread of its own.
///
/// The descriptor changes whenever the guest turns page requests off and on; ``look()`` has it asked
/// for anew.
final class PageRequestThread: Sendable {
  /// An eventfd that ends a wait; it closes with its last user.
  private final class Bell: Sendable {
    let descriptor: Int32?
    let hasEnded = Atomic(false)
    /// Whether the queue could not be read.
    let isBroken = Atomic(false)

    init() { descriptor = try? Calls.makeEventCounter() }
    deinit { if let descriptor { try? Calls.close(descriptor) } }

    func ring() { if let descriptor { Calls.signal(descriptor) } }
  }

  private let bell: Bell
  private let thread: ServiceThread

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - descriptor: What to wait on now; `nil` when there is nothing to wait for.
  ///   - deliver: Takes what is there; `false` when the queue cannot be read, which then is not
  ///     waited on again until ``look()``.
  init(
    descriptor: @escaping @Sendable () -> Int32?, deliver: @escaping @Sendable () -> Bool
  ) {
    let bell = Bell()
    self.bell = bell
    thread = ServiceThread {
      guard let ring = bell.descriptor, !bell.hasEnded.load(ordering: .acquiring) else {
        return false
      }
      let queue = bell.isBroken.load(ordering: .relaxed) ? nil : descriptor()
      guard let found = try? Calls.waitReadable([ring] + (queue.map { [$0] } ?? [])) else {
        return false
      }
      if found[0] {
        Watching.silence(ring)
        bell.isBroken.store(false, ordering: .relaxed)
      }
      if found.count > 1, found[1], !bell.hasEnded.load(ordering: .acquiring), !deliver() {
        bell.isBroken.store(true, ordering: .relaxed)
      }
      return true
    }
    thread.poke()
  }

  /// Asks for the descriptor anew.
  func look() { bell.ring() }

  /// Ends the thread; returns when it is over, or at once from the thread itself.
  func stop() {
    bell.hasEnded.store(true, ordering: .releasing)
    bell.ring()
    thread.stop()
  }
}
