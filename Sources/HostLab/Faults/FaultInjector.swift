package import HostABI
import Synchronization

/// What to do with one call.
package struct FaultDecision: Hashable, Sendable {
  /// The call is not carried out, but fails so.
  package var failure: LinuxErrno?
  /// The answer waits so long.
  package var delay: Duration?
  /// What devices ask for once the call was answered without an error.
  package var pageRequests: [PageRequestPlan] = []
  /// What the log says of the call.
  package var note: String?

  /// The call goes its way.
  package static let none = FaultDecision()
}

/// Carries out a ``FaultPlan``: counts calls by name and says which of them go wrong.
///
/// Its lock protects the counts; a plan without entries takes no lock.
package final class FaultInjector: Sendable {
  /// The plan.
  package let plan: FaultPlan
  private let counts = Mutex<[String: Int]>([:])
  /// Names that the plan mentions; other calls are not counted.
  private let names: Set<String>

  /// Starts with a plan.
  package init(_ plan: FaultPlan) {
    self.plan = plan
    var names: Set<String> = []
    for failure in plan.failures { names.insert(failure.requests.name) }
    for delay in plan.delays { names.insert(delay.requests.name) }
    for request in plan.pageRequests { names.insert(request.after.name) }
    self.names = names
  }

  /// Whether any call can go wrong.
  package var isActive: Bool { !names.isEmpty }

  /// Decides about a call; to be asked exactly once for each, before it is carried out.
  ///
  /// - Parameters:
  ///   - call: The call; of a request only the number counts, for mock operations also the first
  ///     eight bytes of the structure.
  ///   - kind: The file that it is on; `nil` for an open.
  /// - Returns: What to do with it.
  package func decide(_ call: TracedCall.Call, on kind: TracedFile.Kind?) -> FaultDecision {
    guard !names.isEmpty else { return .none }
    let name = RequestNames.name(of: call, on: kind)
    var decision = FaultDecision.none
    consider(name, &decision)
    // A mock operation counts under its own name and that of all.
    if name.hasPrefix("IOMMU_TEST_OP_") { consider(RequestNames.mock, &decision) }
    return decision
  }

  private func consider(_ name: String, _ decision: inout FaultDecision) {
    guard names.contains(name) else { return }
    let count = counts.withLock { counts in
      let count = counts[name, default: 0] + 1
      counts[name] = count
      return count
    }
    var notes: [String] = decision.note.map { [$0] } ?? []
    if decision.failure == nil,
      let failure = plan.failures.first(where: { $0.requests.matches(name, count) })
    {
      decision.failure = failure.errno
      notes.append("injected by --fail \(failure.requests.text)=\(failure.errno)")
    }
    for delay in plan.delays where delay.requests.matches(name, count) {
      decision.delay = (decision.delay ?? .zero) + delay.duration
      notes.append("held back by --delay \(delay.requests.text)")
    }
    for request in plan.pageRequests where request.after.matches(name, count) {
      decision.pageRequests.append(request)
    }
    decision.note = notes.isEmpty ? nil : notes.joined(separator: ", ")
  }
}
