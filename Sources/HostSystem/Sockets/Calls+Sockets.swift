#if os(Linux)
  import CLinux

  extension Calls {
    private static let unixStream: (family: UInt64, kind: UInt64) = (1, 1 | 0o2_000_000)

    /// Bytes that a socket's path may have.
    package static let socketPathLimit = 107

    /// Makes a stream socket of this host that closes at `exec`.
    package static func makeSocket() throws(CallFailure) -> Int32 {
      Int32(
        truncatingIfNeeded: try make(clinux_socket, unixStream.family, unixStream.kind, 0))
    }

    /// Makes two stream sockets that are connected; both close at `exec`.
    package static func makeSocketPair() throws(CallFailure) -> (Int32, Int32) {
      var ends: UInt64 = 0
      _ = try with(&ends) { place throws(CallFailure) in
        try make(clinux_socketpair, unixStream.family, unixStream.kind, 0, place)
      }
      return (
        Int32(bitPattern: UInt32(truncatingIfNeeded: ends)),
        Int32(bitPattern: UInt32(truncatingIfNeeded: ends >> 32))
      )
    }

    /// Gives a socket its path, which becomes a file.
    ///
    /// - Throws: `EADDRINUSE` when the path exists; `EINVAL` when it is too long or holds a zero.
    package static func bind(_ socket: Int32, to path: String) throws(CallFailure) {
      try withAddress(path) { address, byteCount throws(CallFailure) in
        _ = try make(clinux_bind, socket.register, address, byteCount)
      }
    }

    /// Lets others connect.
    package static func listen(_ socket: Int32, backlog: Int32) throws(CallFailure) {
      _ = try make(clinux_listen, socket.register, backlog.register)
    }

    /// Waits for somebody who connects; the new socket closes at `exec`.
    ///
    /// - Throws: `EINVAL` after ``shutDown(_:)``.
    package static func accept(_ socket: Int32) throws(CallFailure) -> Int32 {
      let closeOnExec: UInt64 = 0o2_000_000
      return Int32(
        truncatingIfNeeded: try repeating(clinux_accept, socket.register, 0, 0, closeOnExec))
    }

    /// Connects to the socket at a path.
    ///
    /// - Throws: `ECONNREFUSED` when nobody listens there; `ENOENT` when there is no such file.
    package static func connect(_ socket: Int32, to path: String) throws(CallFailure) {
      try withAddress(path) { address, byteCount throws(CallFailure) in
        _ = try repeating(clinux_connect, socket.register, address, byteCount)
      }
    }

    /// Ends both directions: whoever waits for the socket wakes.
    package static func shutDown(_ socket: Int32) {
      let both: UInt64 = 2
      _ = try? make(clinux_shutdown, socket.register, both)
    }

    /// Removes a file.
    package static func removeFile(_ path: String) throws(CallFailure) {
      let currentFolder: Int32 = -100
      _ = try withText(path) { text throws(CallFailure) in
        try make(clinux_unlinkat, currentFolder.register, text, 0)
      }
    }

    /// Waits until one of these events is there.
    ///
    /// - Parameters:
    ///   - descriptor: What to wait for.
    ///   - events: `poll`'s bits: 1 to read, 4 to write.
    ///   - milliseconds: How long at most; below zero for ever.
    /// - Returns: The events that are there, none when the time is over.
    /// - Throws: ``CallFailure``.
    package static func wait(
      _ descriptor: Int32, for events: Int16, milliseconds: Int64
    ) throws(CallFailure) -> Int16 {
      var question =
        UInt64(UInt32(bitPattern: descriptor)) | UInt64(UInt16(bitPattern: events)) << 32
      var time = (milliseconds / 1000, milliseconds % 1000 * 1_000_000)
      _ = try with(&question) { place throws(CallFailure) in
        guard milliseconds >= 0 else {
          return try repeating(clinux_ppoll, place, 1, 0, 0, 8)
        }
        // The time lives for the call, which counts what is left of it down.
        return try unsafe withUnsafeMutablePointer(to: &time) { time throws(CallFailure) in
          try repeating(clinux_ppoll, place, 1, UInt64(UInt(bitPattern: time)), 0, 8)
        }
      }
      return Int16(truncatingIfNeeded: question >> 48)
    }

    /// Lends `struct sockaddr_un` of a path.
    private static func withAddress(
      _ path: String, _ body: (UInt64, UInt64) throws(CallFailure) -> Void
    ) throws(CallFailure) {
      let text = Array(path.utf8)
      guard !text.isEmpty, text.count <= socketPathLimit, !text.contains(0) else {
        throw CallFailure(errno: CallFailure.invalid)
      }
      let bytes: [UInt8] = [UInt8(unixStream.family), 0] + text + [0]
      try withBytes(bytes) { address throws(CallFailure) in
        try body(address, UInt64(bytes.count))
      }
    }
  }
#endif
