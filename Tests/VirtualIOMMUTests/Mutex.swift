#if THREAD_SANITIZER
  import Hardware

  /// The mutex that the thread sanitizer sees, in place of the library's.
  typealias Mutex<Value: ~Copyable> = SeenMutex<Value>
#endif
