#if os(Linux)
  internal import HostSystem
  internal import SystemPackage

  /// Builds a ``HostTree`` over the machine's own folders, in a mount namespace of this process.
  ///
  /// Folders that get something are covered by a file system in memory; what they held is bound or
  /// linked into it again, so that everything of the machine stays where it was.
  struct PrivateTree {
    /// The nodes that were made, by file.
    private(set) var nodes: [(file: FileIdentity, path: String)] = []
    /// Whether nodes are character devices; plain files where the system does not allow them.
    private(set) var hasRealNodes = true

    private let tree: HostTree
    private static let bindWhole: UInt64 = 0x1000 | 0x4000
    private static let closed: UInt64 = 2 | 4 | 8  // nothing is run, opened as device, or setuid

    /// Folders that are covered where the machine has them: as deep as can be, since programs ask
    /// for the kind of file system at `/sys` itself.
    private static let covered = [
      "/dev", "/sys/devices", "/sys/bus/pci/devices", "/sys/bus/pci/drivers", "/sys/class",
      "/sys/kernel/iommu_groups",
    ]

    /// Moves this process into a mount namespace of its own.
    ///
    /// Without the right to make one, it becomes its user's own user namespace first, in which the
    /// user and the group keep their numbers.
    static func enterNamespace() throws(LaunchError) {
      let newMounts: UInt64 = 0x2_0000
      let newUsers: UInt64 = 0x1000_0000
      let user = Calls.effectiveUser
      let group = Calls.effectiveGroup
      do {
        try Calls.unshare(newMounts)
      } catch {
        try attempt(
          "make a user namespace, which whoever is not root needs here (see the settings "
            + "user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns)"
        ) { () throws(CallFailure) in try Calls.unshare(newMounts | newUsers) }
        try attempt("set up the user namespace") { () throws(CallFailure) in
          try? Calls.overwrite("/proc/self/setgroups", "deny")
          try Calls.overwrite("/proc/self/uid_map", "\(user) \(user) 1")
          try Calls.overwrite("/proc/self/gid_map", "\(group) \(group) 1")
        }
      }
      let wholePrivate: UInt64 = 0x4000 | 0x4_0000
      try attempt("make the mounts private") { () throws(CallFailure) in
        try Calls.mount("none", on: "/", flags: wholePrivate)
      }
    }

    /// Builds a tree in this process's namespace.
    static func build(_ tree: HostTree) throws(LaunchError) -> PrivateTree {
      var building = PrivateTree(tree: tree)
      for place in try building.places() { try building.cover(place) }
      return building
    }

    private init(tree: HostTree) { self.tree = tree }

    /// Where the tree's folders can be mounted: each one's nearest folder that is there.
    private func places() throws(LaunchError) -> [String] {
      var found: [String] = []
      for folder in Self.covered where tree[folder] != nil {
        var place = folder
        while (try? Calls.facts(of: place, followingLinks: true))?.isFolder != true {
          place = String(place[..<(place.lastIndex(of: "/") ?? place.startIndex)])
          guard !place.isEmpty else {
            throw .cannot(what: "show devices in \(folder): there is no such folder", errno: 2)
          }
        }
        if !found.contains(place) { found.append(place) }
      }
      return found.filter { place in !found.contains { place.hasPrefix($0 + "/") } }
    }

    private mutating func cover(_ place: String) throws(LaunchError) {
      guard case .folder(let folder)? = tree[place] else { return }
      let onlyPath: Int32 = 0o10_000_000
      var original: Int32 = -1
      try attempt("open \(place)") { () throws(CallFailure) in
        original = try Calls.open(place, flags: onlyPath)
      }
      defer { try? Calls.close(original) }
      try attempt("mount a file system in memory over \(place)") { () throws(CallFailure) in
        try Calls.mount(
          "passage", on: place, type: "tmpfs", flags: Self.closed, data: "mode=0755")
      }
      // The covered folder stays reachable through its descriptor.
      try fill(place, folder, original: "/proc/self/fd/\(original)")
    }

    private mutating func fill(
      _ path: String, _ folder: HostTree.Folder, original: String?
    ) throws(LaunchError) {
      if folder.isMerged, let original {
        let names = try names(in: original, shownAs: path)
        for name in names where folder.entries[name] == nil {
          try carry("\(original)/\(name)", to: "\(path)/\(name)")
        }
      }
      for (name, entry) in folder.entries.sorted(by: { $0.key < $1.key }) {
        try make("\(path)/\(name)", entry, original: original.map { "\($0)/\(name)" })
      }
    }

    private func names(in original: String, shownAs path: String) throws(LaunchError) -> [String] {
      do {
        return try Folder.names(in: original + "/.")
      } catch {
        throw .cannot(what: "list \(path)", errno: error.errno.rawValue)
      }
    }

    /// Lets a name of the machine be seen again.
    private func carry(_ original: String, to path: String) throws(LaunchError) {
      // A name that went away meanwhile is none.
      guard let facts = try? Calls.facts(of: original, followingLinks: false) else { return }
      try attempt("keep \(path)") { () throws(CallFailure) in
        guard !facts.isLink else {
          return try Calls.makeLink(path, to: try Calls.target(of: original))
        }
        if facts.isFolder {
          try Calls.makeFolder(path, mode: 0o755)
        } else {
          try Calls.makeFile(path, [], mode: 0o644)
        }
        try Calls.mount(original, on: path, flags: Self.bindWhole)
      }
    }

    private mutating func make(
      _ path: String, _ entry: HostTree.Entry, original: String?
    ) throws(LaunchError) {
      switch entry {
      case .file(let bytes, let mode):
        try attempt("make \(path)") { () throws(CallFailure) in
          try Calls.makeFile(path, bytes, mode: mode)
        }
      case .link(let target):
        try attempt("make \(path)") { () throws(CallFailure) in
          try Calls.makeLink(path, to: target)
        }
      case .node(let minor): try makeNode(path, minor)
      case .folder(let folder):
        try attempt("make \(path)") { () throws(CallFailure) in
          try Calls.makeFolder(path, mode: 0o755)
        }
        let below = original.flatMap { try? Calls.facts(of: $0, followingLinks: false) }
        try fill(path, folder, original: below?.isFolder == true ? original : nil)
      }
    }

    private mutating func makeNode(_ path: String, _ minor: UInt32) throws(LaunchError) {
      if hasRealNodes {
        do {
          try Calls.makeCharacterDevice(
            path, mode: 0o600,
            device: FileIdentity.deviceNumber(major: tree.major, minor: minor))
        } catch {
          hasRealNodes = false
        }
      }
      var facts: FileFacts?
      let isReal = hasRealNodes
      try attempt("make \(path)") { () throws(CallFailure) in
        if !isReal { try Calls.makeFile(path, [], mode: 0o600) }
        facts = try Calls.facts(of: path, followingLinks: false)
      }
      if let facts { nodes.append((facts.identity, path)) }
    }
  }

  /// Does a step of a start, and says which one failed.
  func attempt(_ what: String, _ step: () throws(CallFailure) -> Void) throws(LaunchError) {
    do throws(CallFailure) {
      try step()
    } catch {
      throw .cannot(what: what, errno: error.errno)
    }
  }
#endif
