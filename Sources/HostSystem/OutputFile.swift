import SystemPackage

/// Whole files, written so that a reader sees the old one or the new one.
public enum OutputFile {
  /// Replaces a file's content.
  ///
  /// A regular file is written beside its place and then renamed, so that a crash leaves the old one.
  /// Anything else (a symbolic link, a pipe, `/dev/stdout`) is written through, where it is.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - text: The new content.
  /// - Throws: ``HostError`` when any step fails; a regular file is then still the old one.
  public static func replace(_ path: String, with text: String) throws(HostError) {
    if let kind = try? PathKind(of: path, followingLinks: false), kind != .file {
      return try write(text, to: path, options: [.create, .truncate])
    }
    let mode = try? Stat(FilePath(path)).permissions
    // A name that nobody can have prepared, and that is not followed if somebody did.
    let temporary = "\(path).\(UInt64.random(in: 0 ... .max).description).tmp"
    do {
      try write(text, to: temporary, options: [.exclusiveCreate, .create, .noFollow], mode: mode)
      try rename(temporary, to: path)
    } catch {
      // What could not be made is not ours to remove.
      if error.operation != .open { remove(temporary) }
      throw HostError(path: path, operation: error.operation, errno: error.errno)
    }
  }

  private static func write(
    _ text: String, to path: String, options: FileDescriptor.OpenOptions,
    mode: FilePermissions? = nil
  ) throws(HostError) {
    var operation = HostError.Operation.open
    do {
      let file = try FileDescriptor.open(
        FilePath(path), .writeOnly, options: options,
        permissions: mode ?? [.ownerReadWrite, .groupRead, .otherRead])
      operation = .write
      try file.closeAfter { _ = try file.writeAll(text.utf8) }
    } catch let error as Errno {
      throw HostError(path: path, operation: operation, errno: error)
    } catch {
      throw HostError(path: path, operation: operation, errno: .ioError)
    }
  }
}
