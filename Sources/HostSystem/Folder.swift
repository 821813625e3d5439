import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a path leads to.
public enum PathKind: Hashable, Sendable {
  /// A regular file.
  case file
  /// A directory.
  case folder
  /// A pipe, a socket or a device: something that can be read but has no size.
  case stream
  /// A symbolic link; only when links are not followed.
  case link

  /// Asks the system what a path leads to.
  ///
  /// - Parameters:
  ///   - path: The path.
  ///   - followingLinks: Whether a symbolic link stands for what it names.
  /// - Throws: ``HostError`` when there is nothing or it cannot be asked.
  public init(of path: String, followingLinks: Bool = true) throws(HostError) {
    do {
      self =
        switch try Stat(FilePath(path), followTargetSymlink: followingLinks).type {
        case .regular: .file
        case .directory: .folder
        case .symbolicLink: .link
        default: .stream
        }
    } catch {
      throw HostError(path: path, operation: .inspect, errno: error)
    }
  }
}

/// A directory's entries.
public enum Folder {
  /// The names in a directory, sorted, without hidden ones.
  ///
  /// - Parameter path: The directory.
  /// - Returns: The names, in byte order.
  /// - Throws: ``HostError`` when the directory cannot be read.
  public static func names(in path: String) throws(HostError) -> [String] {
    // opendir copies the path; the stream is closed on every way out.
    guard let stream = unsafe opendir(path) else {
      throw HostError(path: path, operation: .list, errno: Errno(rawValue: errno))
    }
    defer { _ = unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      // The name is a C string inside the entry, valid until the next readdir.
      let name = unsafe withUnsafePointer(to: entry.pointee.d_name) { tuple in
        unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }
}
