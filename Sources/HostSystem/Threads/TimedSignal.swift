#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Something that one thread waits for, with a limit, and another one gives.
package final class TimedSignal: Sendable {
  /// Where the lock, the condition and the flag are; they stay there until this object ends.
  private let places: (mutex: UInt, condition: UInt, flag: UInt)

  package init() {
    // Each is given to the library before anybody else sees it.
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    let flag = UnsafeMutablePointer<Bool>.allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe condition.initialize(to: pthread_cond_t())
    unsafe flag.initialize(to: false)
    _ = unsafe pthread_mutex_init(mutex, nil)
    #if os(Linux)
      // The clock that nobody sets.
      var attributes = pthread_condattr_t()
      _ = unsafe pthread_condattr_init(&attributes)
      _ = unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      _ = unsafe pthread_cond_init(condition, &attributes)
      _ = unsafe pthread_condattr_destroy(&attributes)
    #else
      _ = unsafe pthread_cond_init(condition, nil)
    #endif
    places = (UInt(bitPattern: mutex), UInt(bitPattern: condition), UInt(bitPattern: flag))
  }

  deinit {
    // Whoever waits or gives holds this object, so nobody does any more.
    _ = unsafe pthread_cond_destroy(condition)
    _ = unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
    unsafe flag.deallocate()
  }

  private var mutex: UnsafeMutablePointer<pthread_mutex_t> {
    // Made from a pointer in `init`, never zero.
    unsafe UnsafeMutablePointer(bitPattern: places.mutex).unsafelyUnwrapped
  }

  private var condition: UnsafeMutablePointer<pthread_cond_t> {
    // As above.
    unsafe UnsafeMutablePointer(bitPattern: places.condition).unsafelyUnwrapped
  }

  private var flag: UnsafeMutablePointer<Bool> {
    // As above; read and written with the lock held.
    unsafe UnsafeMutablePointer(bitPattern: places.flag).unsafelyUnwrapped
  }

  /// Gives the signal; it stays until somebody takes it.
  package func give() {
    // Lock, condition and flag live as long as this object.
    unsafe pthread_mutex_lock(mutex)
    unsafe flag.pointee = true
    unsafe pthread_mutex_unlock(mutex)
    // Behind the lock, which whoever wakes wants.
    unsafe pthread_cond_signal(condition)
  }

  /// Forgets a signal that nobody took.
  package func clear() {
    // As above.
    unsafe pthread_mutex_lock(mutex)
    unsafe flag.pointee = false
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Waits for the signal and takes it.
  ///
  /// - Parameter milliseconds: How long at most.
  /// - Returns: Whether it came in time.
  package func take(milliseconds: Int64) -> Bool {
    var end = timespec()
    #if os(Linux)
      _ = unsafe clock_gettime(CLOCK_MONOTONIC, &end)
    #else
      _ = unsafe clock_gettime(CLOCK_REALTIME, &end)
    #endif
    let nanoseconds = Int64(end.tv_nsec) + milliseconds % 1000 * 1_000_000
    end.tv_sec += Int(milliseconds / 1000 + nanoseconds / 1_000_000_000)
    end.tv_nsec = Int(nanoseconds % 1_000_000_000)
    // Lock, condition and flag live as long as this object, and the lock is held for the wait.
    unsafe pthread_mutex_lock(mutex)
    var isInTime = true
    while unsafe !flag.pointee, isInTime {
      isInTime = unsafe pthread_cond_timedwait(condition, mutex, &end) == 0
    }
    let wasGiven = unsafe flag.pointee
    unsafe flag.pointee = false
    unsafe pthread_mutex_unlock(mutex)
    return wasGiven
  }
}
