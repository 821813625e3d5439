import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension OutputFile {
  /// Moves a finished file into its place.
  static func rename(_ from: String, to path: String) throws(HostError) {
    // Both strings live for the call.
    #if canImport(Darwin)
      let result = unsafe Darwin.rename(from, path)
    #elseif canImport(Musl)
      let result = unsafe Musl.rename(from, path)
    #else
      let result = unsafe Glibc.rename(from, path)
    #endif
    guard result == 0 else {
      throw HostError(path: path, operation: .rename, errno: Errno(rawValue: errno))
    }
  }

  /// Removes a file that is not needed any more; that it is not there is no error.
  static func remove(_ path: String) {
    _ = unsafe unlink(path)
  }
}
