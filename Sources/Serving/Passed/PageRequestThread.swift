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
    /// How many want the queue left alone.
    let holds = Atomic(0)
    /// Held by whoever waits on the queue: a wait keeps a file in use that is closed meanwhile.
    let isWaiting = Mutex(())

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
      let waited = bell.isWaiting.withLock { _ -> [Bool]?? in
        guard bell.holds.load(ordering: .sequentiallyConsistent) == 0 else { return .none }
        let queue = bell.isBroken.load(ordering: .relaxed) ? nil : descriptor()
        return .some(try? Calls.waitReadable([ring] + (queue.map { [$0] } ?? [])))
      }
      // Whoever holds the queue back rings when it may be waited on again.
      guard let found = waited ?? (try? Calls.waitReadable([ring])) else { return false }
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

  /// Does something that may close the descriptor, which nobody waits on meanwhile.
  ///
  /// Never called from the thread itself.
  func withoutWaiting<Result>(_ body: () -> Result) -> Result {
    bell.holds.wrappingAdd(1, ordering: .sequentiallyConsistent)
    bell.ring()
    defer {
      bell.holds.wrappingSubtract(1, ordering: .sequentiallyConsistent)
      bell.ring()
    }
    // Whoever waits has left when the lock is free; the next wait is without the descriptor.
    bell.isWaiting.withLock { _ in }
    return body()
  }

  /// Ends the thread; returns when it is over, or at once from the thread itself.
  func stop() {
    bell.hasEnded.store(true, ordering: .releasing)
    bell.ring()
    thread.stop()
  }
}
