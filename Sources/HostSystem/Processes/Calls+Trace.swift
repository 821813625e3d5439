#if os(Linux)
  import CLinux

  /// What stopped a traced thread, or that it is gone.
  package enum TraceEvent: Hashable, Sendable {
    /// The thread is gone.
    case ended
    /// It has stopped with this signal; `event` is ptrace's, 0 for a signal that is to be delivered.
    case stopped(signal: Int32, event: Int32)
  }

  /// Calls of the thread that traces others: only the one that seized a thread may use them on it.
  extension Calls {
    private enum Request {
      static let resume: UInt64 = 7
      static let getRegisters: UInt64 = 12
      static let setRegisters: UInt64 = 13
      static let detach: UInt64 = 17
      static let getSignal: UInt64 = 0x4202
      static let getRegisterSet: UInt64 = 0x4204
      static let setRegisterSet: UInt64 = 0x4205
      static let seize: UInt64 = 0x4206
      static let listen: UInt64 = 0x4208
    }

    /// Begins to trace a thread without stopping it; options are `PTRACE_O_…`.
    package static func seize(_ thread: Int32, options: UInt64) throws(CallFailure) {
      _ = try make(clinux_ptrace, Request.seize, thread.register, 0, options)
    }

    /// Lets a stopped thread go on, with a signal or with 0 for none.
    package static func resume(_ thread: Int32, signal: Int32) throws(CallFailure) {
      _ = try make(clinux_ptrace, Request.resume, thread.register, 0, signal.register)
    }

    /// Lets a stopped thread go on, traced no more.
    package static func leave(_ thread: Int32) throws(CallFailure) {
      _ = try make(clinux_ptrace, Request.detach, thread.register, 0, 0)
    }

    /// Leaves a thread in its group's stop, and is told when that ends.
    package static func leaveStopped(_ thread: Int32) throws(CallFailure) {
      _ = try make(clinux_ptrace, Request.listen, thread.register, 0, 0)
    }

    /// Waits for an event of a thread that this thread traces.
    ///
    /// - Returns: The thread and what happened.
    /// - Throws: `EINTR` when the wake-up signal arrived, `ECHILD` when nothing is traced.
    package static func nextTraceEvent() throws(CallFailure) -> (thread: Int32, event: TraceEvent) {
      let everyKindOfOwnThread: UInt64 = 0x4000_0000 | 0x2000_0000
      var status: Int32 = 0
      let thread = try with(&status) { place throws(CallFailure) in
        try make(clinux_wait4, Int32(-1).register, place, everyKindOfOwnThread, 0)
      }
      let found = Int32(truncatingIfNeeded: thread)
      guard status & 0xff == 0x7f else { return (found, .ended) }
      return (found, .stopped(signal: status >> 8 & 0xff, event: status >> 16))
    }

    /// The signal that a thread has stopped for: its code and its address.
    package static func stoppingSignal(
      _ thread: Int32
    ) throws(CallFailure) -> (code: Int32, address: UInt64) {
      // `siginfo_t` has 128 bytes: the code at 8, an address at 16.
      var words = [UInt64](repeating: 0, count: 16)
      try lend(&words) { place throws(CallFailure) in
        _ = try make(clinux_ptrace, Request.getSignal, thread.register, 0, place)
      }
      return (Int32(bitPattern: UInt32(truncatingIfNeeded: words[1])), words[2])
    }

    #if arch(x86_64)
      /// `struct user_regs_struct`, 27 numbers.
      package static func registers(_ thread: Int32) throws(CallFailure) -> [UInt64] {
        var words = [UInt64](repeating: 0, count: 27)
        try lend(&words) { place throws(CallFailure) in
          _ = try make(clinux_ptrace, Request.getRegisters, thread.register, 0, place)
        }
        return words
      }

      /// Writes all of `struct user_regs_struct`.
      package static func setRegisters(
        _ thread: Int32, _ registers: [UInt64]
      ) throws(CallFailure) {
        guard registers.count == 27 else { throw CallFailure(errno: CallFailure.invalid) }
        var words = registers
        try lend(&words) { place throws(CallFailure) in
          _ = try make(clinux_ptrace, Request.setRegisters, thread.register, 0, place)
        }
      }
    #endif

    /// The vector registers, as XSAVE's standard format has them.
    package static func extendedState(_ thread: Int32) throws(CallFailure) -> [UInt8] {
      // Room for the largest parts that there are, tiles included.
      try filling(16_384) { room throws(CallFailure) in
        Int64(try registerSet(Request.getRegisterSet, thread, room, 16_384))
      }
    }

    /// Writes what ``extendedState(_:)`` answered, changed or not.
    package static func setExtendedState(
      _ thread: Int32, _ bytes: [UInt8]
    ) throws(CallFailure) {
      _ = try withBytes(bytes) { address throws(CallFailure) in
        try registerSet(Request.setRegisterSet, thread, address, bytes.count)
      }
    }

    /// Where a part of the extended state lies; 0 when this processor has none.
    package static func extendedStateOffset(of component: Int32) -> Int {
      Int(clinux_xstate_offset(component))
    }

    private static func registerSet(
      _ request: UInt64, _ thread: Int32, _ address: UInt64, _ byteCount: Int
    ) throws(CallFailure) -> Int {
      /// `struct iovec`.
      struct Piece: BitwiseCopyable {
        var address: UInt64
        var count: UInt64
      }
      let extendedState: UInt64 = 0x202
      var piece = Piece(address: address, count: UInt64(byteCount))
      _ = try with(&piece) { place throws(CallFailure) in
        try make(clinux_ptrace, request, thread.register, extendedState, place)
      }
      return Int(piece.count)
    }

    /// Copies bytes between a stopped thread's memory and this process.
    package static func readTraced(
      _ thread: Int32, _ address: UInt64, _ byteCount: Int
    ) throws(CallFailure) -> [UInt8] {
      let bytes = try filling(byteCount) { room throws(CallFailure) in
        try move(clinux_process_read, thread, room, address, byteCount)
      }
      guard bytes.count == byteCount else { throw CallFailure(errno: CallFailure.badAddress) }
      return bytes
    }

    /// Writes into a stopped thread's memory, where it may itself.
    package static func writeTraced(
      _ thread: Int32, _ address: UInt64, _ bytes: [UInt8]
    ) throws(CallFailure) {
      let moved = try withBytes(bytes) { local throws(CallFailure) in
        try move(clinux_process_write, thread, local, address, bytes.count)
      }
      guard moved == bytes.count else { throw CallFailure(errno: CallFailure.badAddress) }
    }

    private static func move(
      _ call: Int32, _ thread: Int32, _ local: UInt64, _ remote: UInt64, _ byteCount: Int
    ) throws(CallFailure) -> Int64 {
      /// `struct iovec`, twice.
      struct Pieces: BitwiseCopyable {
        var local: UInt64
        var localCount: UInt64
        var remote: UInt64
        var remoteCount: UInt64
      }
      var pieces = Pieces(
        local: local, localCount: UInt64(byteCount), remote: remote,
        remoteCount: UInt64(byteCount))
      return try with(&pieces) { place throws(CallFailure) in
        try make(call, thread.register, place, 1, place + 16, 1)
      }
    }

    /// Lends an array of numbers that a call fills or reads.
    private static func lend(
      _ words: inout [UInt64], _ body: (UInt64) throws(CallFailure) -> Void
    ) throws(CallFailure) {
      // The array lives for the call, and has the size of the structure that the call knows.
      try unsafe words.withUnsafeMutableBufferPointer { buffer throws(CallFailure) in
        try body(UInt64(UInt(bitPattern: buffer.baseAddress)))
      }
    }
  }
#endif
