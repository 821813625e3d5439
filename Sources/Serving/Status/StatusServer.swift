#if os(Linux)
  package import HostSystem
  import Synchronization

  /// Tells whoever connects how a server stands: one JSON document, then the end.
  package final class StatusServer: Sendable {
    /// The socket's name in its folder.
    package static let fileName = "status.sock"
    /// As many may wait to be answered.
    private static let backlog: Int32 = 16

    private let path: String
    /// The socket's file.
    private let file: FileIdentity?
    private let socket: Int32
    private let thread: ServiceThread
    private let life: Life

    /// Whether it has ended; of an object of its own, as the thread has it too.
    private final class Life: Sendable {
      let hasEnded = Atomic(false)
    }

    /// Starts to answer.
    ///
    /// - Parameters:
    ///   - folder: Where the socket is made; nobody has one there.
    ///   - status: Tells how the server stands; it is called on a thread of this object's.
    /// - Throws: ``HostSystem/CallFailure`` when the socket cannot be made.
    package init(
      in folder: String, _ status: @escaping @Sendable () -> ServeStatus
    ) throws(CallFailure) {
      path = folder + "/" + Self.fileName
      let socket = try Calls.makeSocket()
      do throws(CallFailure) {
        try Calls.bind(socket, to: path)
        try Calls.listen(socket, backlog: Self.backlog)
      } catch {
        try? Calls.close(socket)
        throw error
      }
      file = try? Calls.facts(of: path, followingLinks: false).identity
      self.socket = socket
      let life = Life()
      self.life = life
      thread = ServiceThread {
        guard let client = try? Calls.accept(socket) else {
          guard !life.hasEnded.load(ordering: .acquiring) else { return false }
          // Out of descriptors, say: that may pass.
          Calls.pause(microseconds: 100_000)
          return true
        }
        Self.answer(client, status().json)
        try? Calls.close(client)
        return true
      }
      thread.poke()
    }

    /// Ends it, and takes the socket away.
    package func stop() {
      life.hasEnded.store(true, ordering: .releasing)
      Calls.shutDown(socket)
      thread.stop()
      try? Calls.close(socket)
      // Only our own: somebody may have put another file there.
      if let file, (try? Calls.facts(of: path, followingLinks: false))?.identity == file {
        try? Calls.removeFile(path)
      }
    }

    /// Sends what finds room at once: a client that does not read gets less, and keeps nobody waiting.
    private static func answer(_ client: Int32, _ bytes: [UInt8]) {
      var rest = bytes[...]
      while !rest.isEmpty,
        let count = try? Calls.send(client, rest.span, waits: false), count > 0
      {
        rest.removeFirst(count)
      }
    }
  }

  /// The other end of ``StatusServer``.
  package enum StatusClient {
    /// The most bytes of an answer.
    private static let limit = 16 << 20

    /// Asks a server how it stands.
    ///
    /// - Parameters:
    ///   - folder: The folder of its sockets.
    ///   - patience: How long each part of the answer may take, in milliseconds.
    /// - Returns: The JSON document.
    /// - Throws: ``HostSystem/CallFailure`` when no server answers there: `ECONNREFUSED` or `ENOENT`
    ///   when there is none.
    package static func ask(
      _ folder: String, patience: Int64 = 5000
    ) throws(CallFailure) -> [UInt8] {
      let socket = try Calls.makeSocket()
      defer { try? Calls.close(socket) }
      try Calls.connect(socket, to: folder + "/" + StatusServer.fileName)
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while bytes.count < limit {
        // Whatever listens there may be no server of ours.
        guard try Calls.wait(socket, for: 1, milliseconds: patience) != 0 else {
          throw CallFailure(errno: 110)
        }
        var descriptors: [Int32] = []
        let (count, _) = try Calls.receive(
          socket, into: &buffer, at: 0, descriptors: &descriptors)
        for descriptor in descriptors { try? Calls.close(descriptor) }
        guard count > 0 else { break }
        bytes += buffer[..<count]
      }
      return bytes
    }
  }
#endif
