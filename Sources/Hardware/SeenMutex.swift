#if THREAD_SANITIZER
  import Synchronization

  /// A mutex whose order the thread sanitizer sees.
  ///
  /// The standard library's waits in code that is not built with the sanitizer, which then takes what
  /// the mutex orders for races. Modules put this one in its place when `THREAD_SANITIZER` is defined;
  /// what it adds happens only while the mutex is held, so that it orders nothing else.
  package struct SeenMutex<Value: ~Copyable>: ~Copyable, Sendable {
    private let mutex: Mutex<Value>
    private let order = Atomic(0)

    package init(_ value: consuming sending Value) { mutex = Mutex(value) }

    package borrowing func withLock<Result: ~Copyable, Failure: Error>(
      _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
      try mutex.withLock { (value) throws(Failure) -> sending Result in
        _ = order.load(ordering: .acquiring)
        defer { order.store(1, ordering: .releasing) }
        return try body(&value)
      }
    }
  }
#endif
