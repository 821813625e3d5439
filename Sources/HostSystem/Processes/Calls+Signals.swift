#if os(Linux)
  import CLinux

  /// A signal that arrived, and who sent it.
  package struct ArrivedSignal: Hashable, Sendable {
    package let number: Int32
    /// Whether a process sent it, and not the kernel: a key on the terminal is the kernel's.
    package let isSentByProcess: Bool
  }

  extension Calls {
    /// Signals as a mask.
    package static func mask(_ signals: [Int32]) -> UInt64 {
      signals.reduce(0) { $0 | 1 << UInt64($1 - 1) }
    }

    /// Sets which signals wait instead of being delivered to this thread; answers what it was.
    @discardableResult
    package static func setBlockedSignals(_ mask: UInt64) throws(CallFailure) -> UInt64 {
      let set: UInt64 = 2
      return try changeMask(set, mask)
    }

    /// Lets more signals wait in this thread and in those that it starts; answers what it was.
    @discardableResult
    package static func blockSignals(_ mask: UInt64) throws(CallFailure) -> UInt64 {
      let block: UInt64 = 0
      return try changeMask(block, mask)
    }

    private static func changeMask(_ how: UInt64, _ mask: UInt64) throws(CallFailure) -> UInt64 {
      var mask = mask
      var before: UInt64 = 0
      _ = try with(&mask) { mask throws(CallFailure) in
        try with(&before) { before throws(CallFailure) in
          try make(clinux_sigprocmask, how, mask, before, 8)
        }
      }
      return before
    }

    /// Makes a descriptor from which waiting signals are read; it never blocks.
    package static func makeSignalReader(_ mask: UInt64) throws(CallFailure) -> Int32 {
      let closeOnExecNonBlocking: UInt64 = 0o2_004_000
      var mask = mask
      return Int32(
        truncatingIfNeeded: try with(&mask) { mask throws(CallFailure) in
          try make(clinux_signalfd, Int32(-1).register, mask, 8, closeOnExecNonBlocking)
        })
    }

    /// The next signal that waits, if one does.
    package static func nextSignal(_ reader: Int32) -> ArrivedSignal? {
      // `struct signalfd_siginfo` has 128 bytes: number, errno, code first.
      let bytes = try? filling(128) { room throws(CallFailure) in
        Int64(try read(reader, room, 128))
      }
      guard let bytes, bytes.count == 128 else { return nil }
      func number(_ offset: Int) -> Int32 {
        Int32(
          bitPattern: (0..<4).reduce(UInt32(0)) {
            $0 | UInt32(bytes[offset + $1]) << UInt32($1 * 8)
          })
      }
      return ArrivedSignal(number: number(0), isSentByProcess: number(8) <= 0)
    }

    /// Waits until one of the descriptors can be read or is at its end.
    ///
    /// - Returns: For each, whether it is.
    package static func waitReadable(_ descriptors: [Int32]) throws(CallFailure) -> [Bool] {
      // `struct pollfd` is one number here: descriptor, asked events, found events.
      let readable: UInt64 = 1
      var questions = descriptors.map {
        UInt64(UInt32(bitPattern: $0)) | readable << 32
      }
      let count = questions.count
      // The array lives for the call, which is told how many entries it has.
      try unsafe questions.withUnsafeMutableBufferPointer { buffer throws(CallFailure) in
        _ = try repeating(
          clinux_ppoll, UInt64(UInt(bitPattern: buffer.baseAddress)), UInt64(count), 0, 0, 8)
      }
      return questions.map { $0 >> 48 != 0 }
    }
  }
#endif
