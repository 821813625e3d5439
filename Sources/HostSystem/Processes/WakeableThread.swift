#if os(Linux)
  import CLinux
  import Synchronization

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// A thread of its own for calls that have to come from one thread, and that wait in the kernel.
  ///
  /// It takes no signals but one, which ends such a wait.
  package final class WakeableThread: Sendable {
    private static let wakeUp: Int32 = 42
    private let thread = Atomic<Int32>(0)

    /// Starts the thread; it ends when the body returns.
    package init(_ body: @escaping @Sendable () -> Void) throws(CallFailure) {
      let handled = clinux_wake_by(Self.wakeUp)
      guard handled == 0 else { throw CallFailure(errno: Int32(truncatingIfNeeded: -handled)) }
      /// What the new thread gets.
      final class Start: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
      }
      let start = Start { [thread = self] in
        _ = try? Calls.setBlockedSignals(~Calls.mask([Self.wakeUp]))
        thread.thread.store(
          Int32(truncatingIfNeeded: clinux_call(clinux_gettid, 0, 0, 0, 0, 0, 0)),
          ordering: .releasing)
        body()
      }
      var handle = pthread_t()
      // The retained object is released by the thread, which is its only user.
      let failure = unsafe pthread_create(
        &handle, nil,
        { pointer in
          guard let pointer = unsafe pointer else { return nil }
          unsafe Unmanaged<Start>.fromOpaque(pointer).takeRetainedValue().run()
          return nil
        }, unsafe Unmanaged.passRetained(start).toOpaque())
      guard failure == 0 else { throw CallFailure(errno: failure) }
      pthread_detach(handle)
    }

    /// Ends the call that the thread waits in, if it does now.
    ///
    /// A thread that is just about to wait misses it: repeat until it has done what it is to do.
    package func wake() {
      let number = thread.load(ordering: .acquiring)
      guard number != 0 else { return }
      _ = clinux_call(
        clinux_tgkill, Calls.ownProcess.register, number.register, Self.wakeUp.register, 0, 0, 0)
    }
  }
#endif
