#if os(Linux)
  import HostSystem

  /// The servers of a user that run with fresh folders.
  ///
  /// The folder for temporary files is everybody's, and whoever likes can make one there that is named as
  /// a server's. So only what belongs to the user is asked: a folder, not a link, that nobody else may
  /// write to, with a socket in it that is the user's as well. That holds for root, too: it may open
  /// everything, but what another user's socket answers is that user's to choose.
  package struct RunningServers: Sendable {
    /// The folders whose server answers.
    package private(set) var found: [String] = []
    /// What is named as a server's folder is, and is not this user's alone: not asked.
    package private(set) var passedOver: [String] = []
    /// Where was looked.
    private let base: String

    /// Looks for them.
    ///
    /// - Parameters:
    ///   - base: Where fresh folders are made.
    ///   - user: Whose servers are meant.
    package init(
      below base: String = SocketDirectory.base, of user: UInt32 = Calls.effectiveUser
    ) {
      self.base = base
      for name in (try? Folder.names(in: base)) ?? [] where Self.isFresh(name) {
        let folder = base + "/" + name
        guard let facts = try? Calls.facts(of: folder, followingLinks: false), facts.isFolder else {
          continue
        }
        let othersWrite: UInt16 = 0o022
        guard facts.owner == user, facts.mode & othersWrite == 0 else {
          passedOver.append(folder)
          continue
        }
        let path = folder + "/" + StatusServer.fileName
        guard let socket = try? Calls.facts(of: path, followingLinks: false), socket.isSocket else {
          continue
        }
        if socket.owner != user {
          passedOver.append(folder)
        } else if (try? StatusClient.ask(folder)) != nil {
          found.append(folder)
        }
      }
    }

    /// Whether a fresh folder can have this name; what else there is may not even be printable.
    private static func isFresh(_ name: String) -> Bool {
      let prefix = SocketDirectory.prefix
      guard name.hasPrefix(prefix) else { return false }
      let number = name.utf8.dropFirst(prefix.utf8.count)
      return (1...8).contains(number.count)
        && number.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// What was passed over, in a line; `nil` when that is nothing.
    package var note: String? {
      guard let first = passedOver.first else { return nil }
      guard passedOver.count > 1 else {
        return "passed over \(first), which is not this user's alone; --socket-dir asks there"
      }
      return "passed over \(passedOver.count) folders below \(base) that are not this user's "
        + "alone, first \(first); --socket-dir asks in one"
    }

    /// The folder of the only one.
    ///
    /// - Throws: ``SocketDirectoryError`` when there is none, or more than one.
    package func only() throws(SocketDirectoryError) -> String {
      guard let first = found.first else { throw .noServer(base) }
      guard found.count == 1 else { throw .severalServers(found) }
      return first
    }
  }
#endif
