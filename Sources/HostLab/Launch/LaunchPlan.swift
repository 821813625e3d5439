/// What is started, what it sees, and which of its system calls are asked about.
package struct LaunchPlan: Sendable {
  /// The program and its arguments; the first one is looked up in `PATH` as a shell would.
  package var arguments: [String]
  /// What appears in `/dev` and `/sys`.
  package var tree: HostTree
  /// The seccomp program: one `struct sock_filter` each, as code | jt << 16 | jf << 24 | k << 32.
  package var filter: [UInt64]
  /// The one where the system lets nobody make device nodes, so that they are plain files.
  package var filterForPlainNodes: [UInt64]

  package init(
    arguments: [String], tree: HostTree, filter: [UInt64], forPlainNodes: [UInt64]? = nil
  ) {
    self.arguments = arguments
    self.tree = tree
    self.filter = filter
    filterForPlainNodes = forPlainNodes ?? filter
  }
}

/// Why a program was not started.
package enum LaunchError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is no such program.
  case notFound(String)
  /// There is a file, but it cannot be run.
  case notExecutable(String)
  /// A step of the preparation failed; `what` follows "cannot".
  case cannot(what: String, errno: Int32)
  /// Something ended the process that prepares the start.
  case lost

  /// The failure in words.
  package var description: String {
    switch self {
    case .notFound(let name): "\(name): there is no such program"
    case .notExecutable(let name): "\(name): not a file that may be run"
    case .cannot(let what, let errno): "cannot \(what): \(ErrnoText.words(errno))"
    case .lost: "the process that starts the program ended too early"
    }
  }

  /// The status that a shell would exit with.
  package var exitStatus: Int32 {
    switch self {
    case .notFound: 127
    case .notExecutable: 126
    case .cannot, .lost: 125
    }
  }
}
