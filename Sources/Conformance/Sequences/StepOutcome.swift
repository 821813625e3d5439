package import HostABI

/// How a step ended, without what differs between two runs of the same kernel.
package struct StepOutcome: Equatable, Sendable {
  /// What the call answered.
  package enum Answer: Equatable, Sendable {
    case value(Int32)
    case errno(LinuxErrno)
    /// The step would have harmed the kernel or has no one answer, so it was left out.
    case leftOut
  }

  /// What the call answered.
  package var answer: Answer
  /// The structure and the data afterwards: addresses as offsets, open files as zeros.
  package var bytes: [UInt8] = []
  /// The ids and numbers that the step gave, for messages.
  package var results: [UInt64] = []

  package static let leftOut = Self(answer: .leftOut)

  /// Whether the call was carried out.
  package var worked: Bool { if case .value = answer { true } else { false } }
}

extension StepOutcome: CustomStringConvertible {
  package var description: String {
    switch answer {
    case .errno(let errno): errno.description
    case .leftOut: "left out"
    case .value(let value):
      ([value == 0 ? "ok" : "ok \(value)"] + results.map { $0 < 10 ? "\($0)" : hex($0) })
        .joined(separator: " ")
    }
  }
}
