#if os(Linux)
  import CLinux

  /// One system call that a program's filter stopped (`struct seccomp_notif`).
  package struct TrappedCall: BitwiseCopyable, Sendable {
    /// The call's number of its own, which the answer names.
    package var id: UInt64 = 0
    /// The thread, as this process numbers it.
    package var thread: Int32 = 0
    package var flags: UInt32 = 0
    /// The system call's number.
    package var number: Int32 = 0
    package var architecture: UInt32 = 0
    package var instruction: UInt64 = 0
    /// The arguments, all six registers.
    package var a: UInt64 = 0
    package var b: UInt64 = 0
    package var c: UInt64 = 0
    package var d: UInt64 = 0
    package var e: UInt64 = 0
    package var f: UInt64 = 0

    package init() {}
  }

  /// What becomes of a trapped call.
  package enum TrapAnswer: Sendable {
    /// It returns a value.
    case value(Int64)
    /// It fails.
    case failure(Int32)
    /// The program's own kernel carries it out.
    case goOn
  }

  /// The system calls of a filtered program, one after the other.
  ///
  /// A listener has one reader at a time.
  package enum Notifications {
    /// `struct seccomp_notif_resp`.
    private struct Answer: BitwiseCopyable {
      var id: UInt64
      var value: Int64 = 0
      var error: Int32 = 0
      var flags: UInt32 = 0
    }

    /// `struct seccomp_notif_addfd`.
    private struct Injection: BitwiseCopyable {
      var id: UInt64
      var flags: UInt32
      var source: UInt32
      var target: UInt32
      var targetFlags: UInt32
    }

    /// Wakes program and supervisor in turns on one processor, where the kernel can.
    package static func takeTurns(_ listener: Int32) {
      let setFlags: UInt32 = 0x4008_2104
      _ = try? Calls.make(clinux_ioctl, listener.register, UInt64(setFlags), 1)
    }

    /// Waits for the next call.
    ///
    /// - Throws: `ENOENT` when the program was killed meanwhile: try again.
    @inline(__always)
    package static func take(_ listener: Int32, into call: inout TrappedCall) throws(CallFailure) {
      let receive: UInt32 = 0xC050_2100
      call = TrappedCall()
      _ = try Calls.ioctl(listener, receive, on: &call)
    }

    /// Answers a call; a program that is gone hears nothing.
    ///
    /// - Returns: Whether somebody heard it.
    @inline(__always) @discardableResult
    package static func answer(_ listener: Int32, _ id: UInt64, _ answer: TrapAnswer) -> Bool {
      let send: UInt32 = 0xC018_2101
      var structure = Answer(id: id)
      switch answer {
      case .value(let value): structure.value = value
      case .failure(let errno): structure.error = -errno
      case .goOn: structure.flags = 1
      }
      return (try? Calls.ioctl(listener, send, on: &structure)) != nil
    }

    /// Gives the program that waits a descriptor of one of our open files.
    ///
    /// - Parameters:
    ///   - listener: The listener.
    ///   - id: The call that waits.
    ///   - source: Our descriptor.
    ///   - target: The number it gets there, whatever was there before; `nil` for the lowest free one.
    ///   - closesOnExec: Whether it closes at `exec`.
    /// - Returns: The number.
    /// - Throws: `EMFILE` when none is free, `ENOENT` when nobody waits any more.
    package static func inject(
      _ listener: Int32, _ id: UInt64, _ source: Int32, as target: Int32?, closesOnExec: Bool
    ) throws(CallFailure) -> Int32 {
      let add: UInt32 = 0x4018_2103
      var structure = Injection(
        id: id, flags: target == nil ? 0 : 1, source: UInt32(bitPattern: source),
        target: UInt32(bitPattern: target ?? 0), targetFlags: closesOnExec ? 0o2_000_000 : 0)
      return try Calls.ioctl(listener, add, on: &structure)
    }
  }
#endif
