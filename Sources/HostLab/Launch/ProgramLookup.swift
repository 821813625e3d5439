#if os(Linux)
  internal import HostSystem

  /// Finds the file of a program as a shell does.
  enum ProgramLookup {
    /// Finds it.
    ///
    /// - Parameters:
    ///   - name: What stands first on the command line.
    ///   - searchPath: `PATH`; `nil` when it is not set.
    /// - Returns: The path to execute.
    /// - Throws: ``LaunchError`` when there is none, or none that may be run.
    static func find(_ name: String, searchPath: String?) throws(LaunchError) -> String {
      guard !name.isEmpty else { throw .notFound("''") }
      if name.contains("/") {
        guard let facts = try? Calls.facts(of: name, followingLinks: true) else {
          throw .notFound(name)
        }
        guard isRunnable(name, facts) else { throw .notExecutable(name) }
        return name
      }
      var isSeen = false
      let folders = (searchPath ?? "/usr/local/bin:/usr/bin:/bin")
        .split(separator: ":", omittingEmptySubsequences: false)
      for folder in folders {
        let path = folder.isEmpty ? "./\(name)" : "\(folder)/\(name)"
        guard let facts = try? Calls.facts(of: path, followingLinks: true) else { continue }
        if isRunnable(path, facts) { return path }
        isSeen = true
      }
      throw isSeen ? .notExecutable(name) : .notFound(name)
    }

    private static func isRunnable(_ path: String, _ facts: FileFacts) -> Bool {
      let execute: Int32 = 1
      return facts.isFile && (try? Calls.mayAccess(path, execute)) != nil
    }
  }
#endif
