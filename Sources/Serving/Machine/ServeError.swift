package import HostABI
import HostSystem
package import VFIOUser
package import VirtualIOMMU

/// Why devices cannot be served.
package enum ServeError: Error, CustomStringConvertible {
  /// There is no memory for a device's regions.
  case noMemory(device: String, LinuxErrno)
  /// Two devices stand at one place.
  case place(device: String)
  /// The unit cannot be what was asked for.
  case unit(VTdConfigurationError)
  /// The guest cannot be told of it.
  case table(DMARTableError)
  /// A socket cannot be had.
  case socket(path: String, UserServer.Problem)
  /// A device cannot be made, and why.
  case device(String, String)
  /// A file or directory cannot be used.
  case file(path: String, String)

  /// What is wrong, with which device, and what to do.
  package var description: String {
    switch self {
    case .noMemory(let device, let errno):
      "\(device): no memory for its regions (errno \(errno.rawValue))"
    case .place(let device): "\(device): another device stands at its place; give it one with @BDF"
    case .unit(let error): "the VT-d unit: \(error.description)"
    case .table(let error): "the DMAR table: \(error.description)"
    case .socket(let path, let problem): "\(path): \(Self.words(problem))"
    case .device(let name, let why): "\(name): \(why)"
    case .file(let path, let why): "\(path): \(why)"
    }
  }

  /// The same with the file that the device was made of, by which its user knows it.
  func inFile(of choice: ServedDeviceChoice) -> ServeError {
    guard case .device(let name, let why) = self, case .dump(let path, _, _) = choice.kind else {
      return self
    }
    return .device("\(name) (\(path))", why)
  }

  private static func words(_ problem: UserServer.Problem) -> String {
    switch problem {
    case .path: "no path that a socket can have: at most 107 bytes"
    case .isServed: "another server listens there; use another --socket-dir"
    case .isOccupied: "a file that is no socket stands there; use another --socket-dir"
    case .system(let step, let errno): "cannot \(step): \(ServeEvent.name(errno.rawValue))"
    }
  }
}
