internal import HostSystem

/// What the processes of a start tell the supervisor, one message each.
enum LaunchMessage: Hashable {
  /// A device node of the private tree.
  case node(FileIdentity, path: String)
  /// Whether the nodes are character devices.
  case nodesAreReal(Bool)
  /// The program's process.
  case program(Int32)
  /// The number of the listener in the program's process.
  case listener(Int32)
  /// A step that failed.
  case cannot(what: String, errno: Int32)
  /// The program has ended.
  case ended(ProgramEnd)

  /// The message as text.
  var bytes: [UInt8] {
    let text =
      switch self {
      case .node(let file, let path): "node \(file.device) \(file.inode) \(path)"
      case .nodesAreReal(let are): "real \(are ? 1 : 0)"
      case .program(let process): "program \(process)"
      case .listener(let number): "listener \(number)"
      case .cannot(let what, let errno): "cannot \(errno) \(what)"
      case .ended(.exited(let status)): "exited \(status)"
      case .ended(.signalled(let signal)): "signalled \(signal)"
      }
    return Array(text.utf8)
  }

  init?(_ bytes: [UInt8]) {
    let words = String(decoding: bytes, as: UTF8.self)
      .split(separator: " ", maxSplits: 3).map(String.init)
    guard words.count >= 2, let number = UInt64(words[1]) else { return nil }
    let small = Int32(truncatingIfNeeded: number)
    switch words[0] {
    case "node":
      guard words.count == 4, let inode = UInt64(words[2]) else { return nil }
      self = .node(FileIdentity(device: number, inode: inode), path: words[3])
    case "real": self = .nodesAreReal(number == 1)
    case "program": self = .program(small)
    case "listener": self = .listener(small)
    case "cannot": self = .cannot(what: words[2...].joined(separator: " "), errno: small)
    case "exited": self = .ended(.exited(small))
    case "signalled": self = .ended(.signalled(small))
    default: return nil
    }
  }
}
