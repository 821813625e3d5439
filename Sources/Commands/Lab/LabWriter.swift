/// Whoever makes the steps of a lab, and notes what happens in them.
protocol LabWriter: AnyObject {
  /// The run so far.
  var report: LabReport { get set }
  /// What has crossed the seams since the last step.
  var seams: SeamLog { get }
}

extension LabWriter {
  /// Begins a step, which ends the one before.
  func begin(_ name: LabStep.Name, _ title: String, _ way: [String]) {
    endStep()
    report.steps.append(LabStep(name: name, title: title, way: way))
  }

  /// Gives the step that ends what crossed the seams in it.
  func endStep() {
    let crossings = seams.take()
    guard !report.steps.isEmpty else { return }
    report.steps[report.steps.count - 1].crossings += crossings
  }

  /// Notes what happened.
  func note(_ actor: LabEvent.Actor, _ action: String, _ answer: String) {
    add(LabEvent(actor: actor, action: action, answer: answer, holds: nil, expected: nil))
  }

  /// Notes what happened, and whether it is what the step states.
  func claim(
    _ actor: LabEvent.Actor, _ action: String, _ answer: String, _ holds: Bool, _ expected: String
  ) {
    add(
      LabEvent(
        actor: actor, action: action, answer: answer, holds: holds,
        expected: holds ? nil : expected))
  }

  /// Notes what an operator is told.
  func tell(_ message: String) {
    report.steps[report.steps.count - 1].messages.append(message)
  }

  /// Notes the error that ends the run.
  func fail(_ error: any Error) {
    claim(.vmm, "go on", "\(error)", false, "every call of this step to succeed")
  }

  private func add(_ event: LabEvent) {
    report.steps[report.steps.count - 1].events.append(event)
  }
}
