/// How a process ended.
package enum ProgramEnd: Hashable, Sendable {
  /// With this status.
  case exited(Int32)
  /// By this signal.
  case signalled(Int32)

  /// Reads what `wait` wrote; `nil` while the process has only stopped or gone on.
  package init?(waitStatus: Int32) {
    let signal = waitStatus & 0x7f
    switch signal {
    case 0: self = .exited(waitStatus >> 8 & 0xff)
    case 0x7f: return nil
    default: self = .signalled(signal)
    }
  }

  /// The status that a shell would report.
  package var status: Int32 {
    switch self {
    case .exited(let status): status
    case .signalled(let signal): 128 + signal
    }
  }
}
