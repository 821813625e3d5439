#if os(Linux)
  import CLinux

  extension Calls {
    /// Makes two ends of a channel that keeps messages apart; both close at `exec`.
    package static func makeChannel() throws(CallFailure) -> (Int32, Int32) {
      let local: UInt64 = 1
      let packetsCloseOnExec: UInt64 = 5 | 0o2_000_000
      var ends: UInt64 = 0
      _ = try with(&ends) { place throws(CallFailure) in
        try make(clinux_socketpair, local, packetsCloseOnExec, 0, place)
      }
      return (
        Int32(bitPattern: UInt32(truncatingIfNeeded: ends)),
        Int32(bitPattern: UInt32(truncatingIfNeeded: ends >> 32))
      )
    }

    /// Tells the other end that no more messages come.
    package static func finishSending(_ end: Int32) {
      let write: UInt64 = 1
      _ = try? make(clinux_shutdown, end.register, write)
    }

    /// Sends one message.
    package static func send(_ end: Int32, _ message: [UInt8]) throws(CallFailure) {
      _ = try withBytes(message) { address throws(CallFailure) in
        try write(end, address, message.count)
      }
    }

    /// Receives one message; empty at the end.
    package static func receive(_ end: Int32, limit: Int) throws(CallFailure) -> [UInt8] {
      try filling(limit) { room throws(CallFailure) in Int64(try read(end, room, limit)) }
    }
  }
#endif
