import Glibc
import VFIOUser

/// The server that is measured, as a process of its own.
enum ServeProcess {
  /// Serves ``ServeDevice`` until a signal ends the process.
  ///
  /// - Parameter path: Where the socket is to be.
  static func run(_ path: String) -> Never {
    let server = UserServer(path: path, device: ServeDevice())
    do {
      try server.start()
    } catch {
      print("\(error)")
      exit(1)
    }
    while true { pause() }
  }
}
