/// Files, folders, links and device nodes that a launched program finds in `/dev` and `/sys`.
///
/// A value: nothing is made before the program's own mount namespace is. What the machine has at the
/// same paths stays visible beside it; where a name is the same, this one is seen.
package struct HostTree: Sendable {
  /// One name in a folder.
  package indirect enum Entry: Sendable {
    case file([UInt8], mode: UInt32)
    case link(to: String)
    /// A character device of the tree's own major number.
    case node(minor: UInt32)
    case folder(Folder)
  }

  /// A folder of the tree.
  package struct Folder: Sendable {
    package var entries: [String: Entry] = [:]
    /// Whether what the machine has in the folder is seen too.
    package var isMerged = true
  }

  /// What stands at `/`.
  package private(set) var root = Folder()
  /// The major number of every device node: one that this machine's kernel has no driver for, so
  /// that an open that goes past the supervisor fails and never reaches another device.
  package let major: UInt32

  /// Makes an empty tree.
  package init(major: UInt32) { self.major = major }

  /// Puts an entry at an absolute path; folders on the way are made as merged ones.
  package mutating func add(_ path: String, _ entry: Entry) {
    let names = path.split(separator: "/").map(String.init)
    Self.add(names[...], entry, to: &root)
  }

  /// Puts a text file, readable by all, at an absolute path.
  package mutating func add(_ path: String, text: String, mode: UInt32 = 0o444) {
    add(path, .file(Array(text.utf8), mode: mode))
  }

  /// Puts an empty folder at an absolute path that hides what the machine has there.
  package mutating func addOwnFolder(_ path: String) {
    add(path, .folder(Folder(entries: [:], isMerged: false)))
  }

  /// Puts a link at an absolute path that leads to another one, as sysfs writes them: relative.
  package mutating func add(_ path: String, linkTo target: String) {
    let from = path.split(separator: "/").dropLast()
    let to = target.split(separator: "/")
    let shared = zip(from, to).prefix { $0 == $1 }.count
    let steps = Array(repeating: "..", count: from.count - shared)
    add(path, .link(to: (steps + to.dropFirst(shared).map(String.init)).joined(separator: "/")))
  }

  private static func add(_ names: ArraySlice<String>, _ entry: Entry, to folder: inout Folder) {
    guard let name = names.first else { return }
    guard names.count > 1 else {
      folder.entries[name] = entry
      return
    }
    var next = Folder()
    if case .folder(let old)? = folder.entries[name] { next = old }
    add(names.dropFirst(), entry, to: &next)
    folder.entries[name] = .folder(next)
  }

  /// The entry at an absolute path.
  package subscript(path: String) -> Entry? {
    var entry = Entry.folder(root)
    for name in path.split(separator: "/") {
      guard case .folder(let folder) = entry, let next = folder.entries[String(name)] else {
        return nil
      }
      entry = next
    }
    return entry
  }

  /// The device nodes: path and minor number.
  package var nodes: [(path: String, minor: UInt32)] {
    var found: [(path: String, minor: UInt32)] = []
    func visit(_ path: String, _ entry: Entry) {
      switch entry {
      case .file, .link: break
      case .node(let minor): found.append((path, minor))
      case .folder(let folder):
        for (name, entry) in folder.entries.sorted(by: { $0.key < $1.key }) {
          visit("\(path)/\(name)", entry)
        }
      }
    }
    visit("", .folder(root))
    return found
  }
}
