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

  /// Starts a thread; a system that has none left is a bug of whoever set it up, and traps.
  ///
  /// - Parameter serve: Does a piece of the work, and returns whether there is more. It is called on
  ///   the thread until ``stop()``.
  public convenience init(_ serve: @escaping @Sendable () -> Bool) {
    let bell = Bell()
    guard let thread = Self.thread(bell, serve) else {
      preconditionFailure("the system has no thread left")
    }
    self.init(bell, thread)
  }

  private init(_ bell: Bell, _ thread: Thread) {
    self.bell = bell
    self.thread = thread
  }

  /// Starts a thread, if the system has one left: for threads that others can cause at any time.
  ///
  /// - Parameter serve: As above.
  /// - Returns: The thread; `nil` when the system refuses one.
  package static func ifPossible(_ serve: @escaping @Sendable () -> Bool) -> ServiceThread? {
    let bell = Bell()
    return thread(bell, serve).map { ServiceThread(bell, $0) }
  }

  private static func thread(
    _ bell: Bell, _ serve: @escaping @Sendable () -> Bool
  ) -> Thread? {
    Thread {
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
  /// Where the lock and the condition are; they stay there until this object ends.
  private let places: (mutex: UInt, condition: UInt)

  init() {
    // Each is given to the library before anybody else sees it.
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe condition.initialize(to: pthread_cond_t())
    _ = unsafe pthread_mutex_init(mutex, nil)
    _ = unsafe pthread_cond_init(condition, nil)
    places = (UInt(bitPattern: mutex), UInt(bitPattern: condition))
  }

  deinit {
    // Whoever waits or rings holds this object, so nobody does any more.
    _ = unsafe pthread_cond_destroy(condition)
    _ = unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  private var mutex: UnsafeMutablePointer<pthread_mutex_t> {
    // Made from a pointer in `init`, never zero.
    unsafe UnsafeMutablePointer(bitPattern: places.mutex).unsafelyUnwrapped
  }

  private var condition: UnsafeMutablePointer<pthread_cond_t> {
    // As above.
    unsafe UnsafeMutablePointer(bitPattern: places.condition).unsafelyUnwrapped
  }

  var isKept: Bool { !hasEnded.load(ordering: .acquiring) }

  /// Waits for a ring; `false` when the bell has ended.
  func wait() -> Bool {
    // Lock and condition live as long as this object.
    unsafe pthread_mutex_lock(mutex)
    while !hasRung.exchange(false, ordering: .acquiringAndReleasing), isKept {
      // The lock is held, as the condition wants it.
      unsafe pthread_cond_wait(condition, mutex)
    }
    // As above.
    unsafe pthread_mutex_unlock(mutex)
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
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_signal(condition)
    unsafe pthread_mutex_unlock(mutex)
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

  /// Starts a thread; `nil` when the system has none left.
  init?(_ run: @escaping @Sendable () -> Void) {
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
    guard result == 0 else {
      // There is no thread that took it.
      unsafe Unmanaged<Body>.fromOpaque(body).release()
      return nil
    }
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
