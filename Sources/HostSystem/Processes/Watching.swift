#if os(Linux)
  import CLinux

  /// Files whose last use is to be noticed, and processes whose end is.
  package enum Watching {
    /// What happened.
    package struct Event: Sendable {
      /// The number that was given.
      package let number: UInt64
      package let bits: UInt32
    }

    /// Makes something to wait on.
    package static func makeSet() throws(CallFailure) -> Int32 {
      Int32(truncatingIfNeeded: try Calls.make(clinux_epoll_create, 0o2_000_000))
    }

    /// Adds a descriptor, with the number that its events carry.
    package static func add(
      _ descriptor: Int32, to set: Int32, as number: UInt64, for bits: UInt32 = 1
    ) throws(CallFailure) {
      #if arch(x86_64)
        // Packed into 12 bytes here.
        var words = (UInt64(bits) | number << 32, number >> 32)
      #else
        var words = (UInt64(bits), number)
      #endif
      // The structure lives for the call, which only reads it.
      _ = try unsafe withUnsafeMutablePointer(to: &words) { place throws(CallFailure) in
        try Calls.make(
          clinux_epoll_control, set.register, 1, descriptor.register,
          UInt64(UInt(bitPattern: place)))
      }
    }

    /// Waits for one event.
    ///
    /// - Parameters:
    ///   - set: What to wait on.
    ///   - milliseconds: How long; -1 for ever.
    /// - Returns: The event, or `nil` when there was none.
    /// - Throws: ``CallFailure``.
    package static func wait(_ set: Int32, milliseconds: Int32) throws(CallFailure) -> Event? {
      var words = (UInt64(0), UInt64(0))
      // The structure lives for the call, which writes one.
      let count = try unsafe withUnsafeMutablePointer(to: &words) { place throws(CallFailure) in
        try Calls.repeating(
          clinux_epoll_wait, set.register, UInt64(UInt(bitPattern: place)), 1,
          milliseconds.register, 0, 8)
      }
      guard count > 0 else { return nil }
      #if arch(x86_64)
        let number = words.0 >> 32 | (words.1 & 0xFFFF_FFFF) << 32
      #else
        let number = words.1
      #endif
      return Event(number: number, bits: UInt32(truncatingIfNeeded: words.0))
    }

    /// Makes a queue of file events that never blocks.
    package static func makeFileQueue() throws(CallFailure) -> Int32 {
      Int32(truncatingIfNeeded: try Calls.make(clinux_inotify_init, 0o2_004_000))
    }

    /// Watches a file of ours for each opening of it, and the end of each.
    ///
    /// - Returns: The number that events carry.
    package static func watchCloses(
      of descriptor: Int32, in queue: Int32
    ) throws(CallFailure) -> Int32 {
      let opensAndCloses: UInt64 = 0x38
      let path = "/proc/self/fd/\(descriptor)"
      var answer: Result<Int64, CallFailure> = .failure(CallFailure(errno: CallFailure.invalid))
      // The string lives for the call, which only reads it.
      unsafe path.withCString { text in
        answer = Result { () throws(CallFailure) in
          try Calls.make(
            clinux_inotify_add, queue.register, UInt64(UInt(bitPattern: text)), opensAndCloses)
        }
      }
      return Int32(truncatingIfNeeded: try answer.get())
    }

    /// Ends a watch.
    package static func unwatch(_ number: Int32, in queue: Int32) {
      _ = try? Calls.make(clinux_inotify_remove, queue.register, number.register)
    }

    /// An opening of a watched file, or its end.
    package struct FileEvent: Sendable {
      package let watch: Int32
      package let isOpening: Bool
    }

    /// Takes what happened to watched files since the last time, in order; at most 256 events.
    package static func takeFileEvents(_ queue: Int32) -> [FileEvent] {
      var bytes = InlineArray<512, UInt64>(repeating: 0)
      // The bytes live for the call, which writes no more than their count.
      let count = unsafe withUnsafeMutablePointer(to: &bytes) { place in
        clinux_call(
          clinux_read, queue.register, UInt64(UInt(bitPattern: place)), 4096, 0, 0, 0)
      }
      // Each event has 16 bytes: the watch, the bits, a cookie and no name.
      guard count >= 16 else { return [] }
      return (0..<Int(count) / 16).compactMap { index in
        let bits = bytes[2 * index] >> 32
        guard bits & 0x38 != 0 else { return nil }
        return FileEvent(
          watch: Int32(truncatingIfNeeded: bytes[2 * index]), isOpening: bits & 0x20 != 0)
      }
    }

    /// Makes a pipe that never blocks.
    ///
    /// - Returns: The end that is written, and the one that is read.
    /// - Throws: ``CallFailure``.
    package static func makePipe() throws(CallFailure) -> (writing: Int32, reading: Int32) {
      let nonBlockingCloseOnExec: UInt64 = 0o2_004_000
      var pair = (Int32(-1), Int32(-1))
      // The two numbers live for the call, which writes both.
      _ = try unsafe withUnsafeMutablePointer(to: &pair) { place throws(CallFailure) in
        try Calls.make(clinux_pipe, UInt64(UInt(bitPattern: place)), nonBlockingCloseOnExec)
      }
      return (pair.1, pair.0)
    }

    /// Makes the other end of a pipe readable; a full one is.
    package static func ring(_ end: Int32) {
      var byte: UInt8 = 0
      // The byte lives for the call.
      _ = unsafe withUnsafeMutablePointer(to: &byte) { place in
        clinux_call(clinux_write, end.register, UInt64(UInt(bitPattern: place)), 1, 0, 0, 0)
      }
    }

    /// Takes everything out of a pipe.
    package static func silence(_ end: Int32) {
      var bytes = InlineArray<512, UInt64>(repeating: 0)
      for _ in 0..<32 {
        // The bytes live for the call, which writes no more than their count.
        let result = unsafe withUnsafeMutablePointer(to: &bytes) { place in
          clinux_call(clinux_read, end.register, UInt64(UInt(bitPattern: place)), 4096, 0, 0, 0)
        }
        if result <= 0 { return }
      }
    }
  }

  extension Calls {
    /// Adds one to an eventfd; one that is full stays full.
    ///
    /// It never waits, also while others that have the eventfd fill it: nobody can be held up by them.
    package static func signal(_ descriptor: Int32) {
      guard clinux_notify(descriptor) == 0 else { return }
      // Some kernels have no such way. The program chooses whether writes to it wait; this one must not.
      let canBeWritten: Int16 = 4
      guard let ready = try? poll(descriptor), ready & canBeWritten != 0 else { return }
      var one: UInt64 = 1
      // The word lives for the call, which reads its eight bytes.
      _ = unsafe withUnsafeMutablePointer(to: &one) { place in
        clinux_call(clinux_write, descriptor.register, UInt64(UInt(bitPattern: place)), 8, 0, 0, 0)
      }
    }
  }

  extension Calls {
    /// Takes what ``signal(_:)`` needs to never wait, once for the process.
    ///
    /// Its first call does so otherwise, when others may have left no descriptor.
    package static func prepareSignals() { clinux_notify_begin() }
  }

  /// Memory that other processes may shorten.
  package enum ShrinkingMemory {
    /// From now on a touch behind the memory's end finds zeros, and does not end this process.
    ///
    /// - Parameters:
    ///   - memory: The memory.
    ///   - pageSize: The size in bytes of its pages, a power of two.
    /// - Returns: Whether there was room to note it.
    package static func guardAgainst(_ memory: AnonymousMemory, pageSize: UInt64) -> Bool {
      clinux_guard(memory.address, UInt64(memory.byteCount), pageSize) != 0
    }

    /// Whether pages of guarded memory were missing when they were touched.
    package static func hasMissed(_ memory: AnonymousMemory) -> Bool {
      clinux_guard_missing(memory.address) != 0
    }

    /// The memory is about to go.
    package static func forget(_ memory: AnonymousMemory) { clinux_unguard(memory.address) }

    /// How many pages were missing so far.
    package static var missingPageCount: UInt64 { clinux_guard_hits() }
  }
#endif
