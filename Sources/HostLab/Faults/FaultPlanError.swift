import HostABI

/// Why the text of a fault option is not understood.
package enum FaultPlanError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A request that there is not, and the name that is nearest to it.
  case unknownRequest(String, option: String, nearest: String)
  /// An errno that there is not, and the name that is nearest to it.
  case unknownErrno(String, nearest: String)
  /// A count that is no number from 1.
  case count(String, option: String)
  /// A time without a unit, or no time at all.
  case time(String)
  /// A part that is missing or one too many.
  case form(String, option: String, expected: String)
  /// A device that is no `vfioN` and no address.
  case device(String)
  /// A word of a page request that means nothing.
  case pageRequestWord(String)

  /// The reason in words, with what would be right.
  package var description: String {
    switch self {
    case .unknownRequest(let name, let option, let nearest):
      return "\(option): there is no request \"\(name)\"; did you mean \(nearest)? There are\n"
        + RequestNames.list
    case .unknownErrno(let name, let nearest):
      return "--fail: there is no errno \"\(name)\"; did you mean \(nearest)? There are "
        + ErrnoNames.all.joined(separator: ", ")
    case .count(let text, let option):
      return "\(option): \"\(text)\" is not the number of a request: expected 1, 2, …"
    case .time(let text):
      return "--delay: \"\(text)\" is no time: expected one such as 500us, 20ms or 1.5s"
    case .form(let text, let option, let expected):
      return "\(option): \"\(text)\": expected \(expected)"
    case .device(let text):
      return "--page-request: \"\(text)\" is no device: expected one such as vfio0 or 0000:6a:01.0"
    case .pageRequestWord(let text):
      return "--page-request: \"\(text)\": expected pasid=N, read, write, exec, priv or "
        + "after=REQUEST[:n]"
    }
  }
}

/// The errnos that a request can be failed with.
enum ErrnoNames {
  /// Names by number, ascending.
  static let all: [String] = (Int32(1)...133).map { "\(LinuxErrno(rawValue: $0))" }
    .filter { !$0.hasPrefix("errno") }
}
