package import HostSystem
import SystemPackage

/// The file of a log; it is closed with its last user.
package final class LogFile: Sendable {
  private let descriptor: FileDescriptor
  private let path: String

  private init(_ descriptor: FileDescriptor, _ path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  /// Opens the file of a log.
  ///
  /// - Parameter path: The file, which is made anew; `-` for standard error.
  /// - Throws: ``HostError`` when it cannot be made.
  package convenience init(_ path: String) throws(HostError) {
    if path == "-" { self.init(.standardError, path) } else { try self.init(making: path) }
  }

  /// Whether it is a terminal that may be coloured.
  package var wantsColor: Bool {
    descriptor == .standardError && Terminal.showsProgress
      && Terminal.environment("NO_COLOR") == nil && Terminal.environment("TERM") != "dumb"
  }

  /// Makes a file, which programs that we start do not inherit.
  private convenience init(making path: String) throws(HostError) {
    do {
      self.init(
        try FileDescriptor.open(
          FilePath(path), .writeOnly, options: [.create, .truncate, .closeOnExec],
          permissions: [.ownerReadWrite, .groupRead, .otherRead]), path)
    } catch let error as Errno {
      throw HostError(path: path, operation: .open, errno: error)
    } catch {
      throw HostError(path: path, operation: .open, errno: .ioError)
    }
  }

  deinit { if descriptor != .standardError { try? descriptor.close() } }

  /// Writes all of the bytes.
  package func write(_ bytes: [UInt8]) throws(HostError) {
    do { _ = try descriptor.writeAll(bytes) } catch let error as Errno {
      throw HostError(path: path, operation: .write, errno: error)
    } catch {
      throw HostError(path: path, operation: .write, errno: .ioError)
    }
  }
}
