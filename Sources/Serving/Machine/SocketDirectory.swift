#if os(Linux)
  import HostSystem
  import VFIOUser

  /// The folder of a server's sockets: one that the user names, or a fresh one that only this user may
  /// enter.
  package struct SocketDirectory: Sendable {
    /// Where it is.
    package let path: String
    /// Whether it was made here, and goes with the server.
    private let isOwned: Bool
    /// The folder, locked against other servers that are given it; a fresh one is known to nobody.
    private let lock: ReceivedFile?

    /// How fresh ones are named, before a number.
    package static let prefix = "passage-"

    /// Where fresh ones are made: the user's run-time folder, or one for temporary files.
    package static var base: String {
      for name in ["XDG_RUNTIME_DIR", "TMPDIR"] {
        if let path = Terminal.environment(name), path.hasPrefix("/") { return path }
      }
      return "/tmp"
    }

    /// Finds or makes the folder.
    ///
    /// - Parameters:
    ///   - wanted: A folder of the user's, made when it is not there; `nil` for a fresh one.
    ///   - patience: How long a server that may be at work there has for its answer, in milliseconds.
    /// - Throws: ``SocketDirectoryError``.
    package init(
      _ wanted: String?, patience: Int64 = 5000
    ) throws(SocketDirectoryError) {
      let onlyOwner: UInt32 = 0o700
      guard let wanted else {
        // A name that nobody can have prepared.
        let number = UInt32.random(in: 0 ... .max)
        path = Self.base + "/" + Self.prefix + String(number, radix: 16)
        isOwned = true
        lock = nil
        do { try Calls.makeFolder(path, mode: onlyOwner) } catch {
          throw .make(path, errno: error.errno)
        }
        return
      }
      path = Self.absolute(wanted)
      let exists: Int32 = 17
      do throws(CallFailure) {
        try Calls.makeFolder(path, mode: onlyOwner)
        isOwned = true
      } catch {
        guard error.errno == exists else { throw .make(path, errno: error.errno) }
        isOwned = false
        guard (try? Calls.facts(of: path, followingLinks: true))?.isFolder == true else {
          throw .noFolder(path)
        }
      }
      // Before anything is looked at or taken away: two that start at once would each take the
      // other's sockets, which do not answer yet, for those of a dead one.
      lock = try Self.lock(path)
      try Self.clear(path, patience)
    }

    /// Locks a folder; `nil` where the file system has no locks, or the folder cannot be read.
    private static func lock(_ path: String) throws(SocketDirectoryError) -> ReceivedFile? {
      let isLocked: Int32 = 11
      do throws(CallFailure) {
        return ReceivedFile(owning: try Calls.lockFolder(path))
      } catch {
        if error.errno == isLocked { throw .inUse(path) }
        return nil
      }
    }

    /// Takes away what a server that was killed left in a folder.
    private static func clear(
      _ path: String, _ patience: Int64
    ) throws(SocketDirectoryError) {
      let (noFile, refused): (Int32, Int32) = (2, 111)
      do throws(CallFailure) {
        _ = try StatusClient.ask(path, patience: patience)
      } catch {
        switch error.errno {
        case refused, noFile:
          let status = path + "/" + StatusServer.fileName
          guard let facts = try? Calls.facts(of: status, followingLinks: false) else { return }
          guard facts.isSocket else { throw .isOccupied(status) }
          try? Calls.removeFile(status)
        // No socket's path can be so long; the places of the devices say so.
        case CallFailure.invalid: break
        // Somebody listens, and is too busy to answer.
        default: throw .inUse(path)
        }
        return
      }
      throw .inUse(path)
    }

    /// The path from the root on, as programs that start elsewhere need it.
    private static func absolute(_ path: String) -> String {
      var path = path
      while path.count > 1, path.hasSuffix("/") { path.removeLast() }
      guard !path.hasPrefix("/"), let own = try? Calls.target(of: "/proc/self/cwd") else {
        return path
      }
      return own == "/" ? own + path : own + "/" + path
    }

    /// Takes the folder away if it was made here and is empty.
    package func remove() { if isOwned { try? Calls.removeFolder(path) } }
  }

  /// Why there is no folder for sockets.
  package enum SocketDirectoryError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It cannot be made.
    case make(String, errno: Int32)
    /// It is something else.
    case noFolder(String)
    /// A file that is no socket stands where the status' socket is to be.
    case isOccupied(String)
    /// Another server is at work there.
    case inUse(String)
    /// No server is running.
    case noServer(String)
    /// More than one is running.
    case severalServers([String])

    /// What is wrong, and what to do.
    package var description: String {
      switch self {
      case .make(let path, let errno):
        "\(path): the folder for sockets cannot be made (\(ServeEvent.name(errno)))"
          + (errno == 2 ? ": the folder that it is to be in is not there" : "")
      case .noFolder(let path): "\(path) is no folder; use another --socket-dir"
      case .isOccupied(let path):
        "\(path): a file that is no socket stands there; use another --socket-dir"
      case .inUse(let path): "\(path): another server is at work there; use another --socket-dir"
      case .noServer(let base):
        "no server is running with its sockets below \(base): say --socket-dir"
      case .severalServers(let paths):
        "several servers are running; say which with --socket-dir: "
          + paths.joined(separator: ", ")
      }
    }
  }
#endif
