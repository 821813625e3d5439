import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A thread that does work whenever it is told that there is some, and sleeps meanwhile.
///
/// Telling it costs an atomic exchange while the thread is at work, and a system call when it
/// sleeps.
public final class ServiceThread: Sendable {
  private let bell: Bell
  private let thread: Thread

  /// Starts a thread.
  ///
  /// - Parameter serve: Does a piece of the work, and returns whether there is more. It is called on
  ///   the thread until ``stop()``.
  public init(_ serve: @escaping @Sendable () -> Bool) {
    let bell = Bell()
    self.bell = bell
    thread = Thread {
      while bell.wait() {
        while bell.isKept, serve() {}
      }
    }
  }

  /// Says that there is work; from any thread, and without waiting.
  public func poke() { bell.ring() }

  /// Ends the thread after the piece that it is doing; returns when it is over.
  ///
  /// From the thread itself it returns at once.
  public func stop() {
    bell.end()
    thread.join()
  }

  deinit { bell.end() }
}

/// What one thread waits for and others ring.
private final class Bell: Sendable {
  private let hasRung = Atomic(false)
  private let hasEnded = Atomic(false)
  private let place: UInt

  /// The lock that goes with the condition.
  @safe private struct Pair {
    // Zero bytes, which the library's own call makes a lock of.
    var mutex = unsafe pthread_mutex_t()
    var condition = pthread_cond_t()
  }

  init() {
    // The pair stays at its address until this object ends.
    let pair = UnsafeMutablePointer<Pair>.allocate(capacity: 1)
    unsafe pair.initialize(to: Pair())
    _ = unsafe pthread_mutex_init(&pair.pointee.mutex, nil)
    _ = unsafe pthread_cond_init(&pair.pointee.condition, nil)
    place = UInt(bitPattern: pair)
  }

  deinit {
    // Whoever waits or rings holds this object, so nobody does any more.
    _ = unsafe pthread_cond_destroy(&pair.pointee.condition)
    _ = unsafe pthread_mutex_destroy(&pair.pointee.mutex)
    unsafe pair.deallocate()
  }

  private var pair: UnsafeMutablePointer<Pair> {
    // Made from a pointer in `init`, never zero.
    unsafe UnsafeMutablePointer(bitPattern: place).unsafelyUnwrapped
  }

  var isKept: Bool { !hasEnded.load(ordering: .acquiring) }

  /// Waits for a ring; `false` when the bell has ended.
  func wait() -> Bool {
    // The pair lives as long as this object.
    unsafe pthread_mutex_lock(&pair.pointee.mutex)
    while !hasRung.exchange(false, ordering: .acquiringAndReleasing), isKept {
      // The lock is held, as the condition wants it.
      unsafe pthread_cond_wait(&pair.pointee.condition, &pair.pointee.mutex)
    }
    // As above.
    unsafe pthread_mutex_unlock(&pair.pointee.mutex)
    return isKept
  }

  func ring() {
    if !hasRung.exchange(true, ordering: .acquiringAndReleasing) { signal() }
  }

  func end() {
    hasEnded.store(true, ordering: .releasing)
    signal()
  }

  private func signal() {
    // The lock keeps the signal from falling between the check and the wait.
    unsafe pthread_mutex_lock(&pair.pointee.mutex)
    unsafe pthread_cond_signal(&pair.pointee.condition)
    unsafe pthread_mutex_unlock(&pair.pointee.mutex)
  }
}

/// A thread of the operating system.
private final class Thread: Sendable {
  private struct Handle: @unchecked Sendable {
    let value: pthread_t
  }

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  private let handle: Handle
  private let isJoined = Atomic(false)

  init(_ run: @escaping @Sendable () -> Void) {
    // The thread takes the reference over.
    let body = unsafe Unmanaged.passRetained(Body(run)).toOpaque()
    #if canImport(Darwin)
      var made: pthread_t?
    #else
      var made = pthread_t()
    #endif
    let result = unsafe pthread_create(
      &made, nil,
      { argument in
        #if canImport(Darwin)
          let argument = unsafe Optional(argument)
        #endif
        // It is the reference that was handed over above.
        if let argument = unsafe argument {
          let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
          body.run()
        }
        return nil
      }, body)
    precondition(result == 0, "the system has no thread left")
    #if canImport(Darwin)
      guard let made = unsafe made else { preconditionFailure("a thread has a handle") }
    #endif
    handle = Handle(value: made)
  }

  func join() {
    guard !isJoined.exchange(true, ordering: .acquiringAndReleasing) else { return }
    // The handle is good until it is joined or detached, which happens once.
    guard pthread_equal(handle.value, pthread_self()) == 0 else {
      _ = pthread_detach(handle.value)
      return
    }
    _ = pthread_join(handle.value, nil)
  }

  deinit {
    if !isJoined.load(ordering: .acquiring) { _ = pthread_detach(handle.value) }
  }
}
