package import HostABI

/// A driver of an Intel Data Streaming Accelerator at work: on the real kernel, in a guest, or on a
/// software host.
package struct EngineRun {
  /// How a step ended.
  package enum Outcome: Sendable {
    /// All was as it must be.
    case held
    /// What was not.
    case failed([String])
    /// The host lacks what the step is about.
    case lacked(String)
  }

  /// What the device is.
  package private(set) var device = ""
  private let steps: [EngineStep]
  /// The steps that were gone, and how they ended.
  package private(set) var results: [(step: EngineStep, outcome: Outcome)] = []

  /// Finds the first engine among some devices and goes all steps on it.
  ///
  /// A step that cannot go on ends the run, since later ones build upon it.
  ///
  /// - Parameters:
  ///   - kernel: The kernel.
  ///   - paths: Nodes of VFIO devices.
  ///   - pasidCount: How many PASIDs are attached, each to its own space; at least 1.
  ///   - filter: Only steps whose name contains this text, in a run that is to be short.
  ///   - report: Called with a line for the device, and for each step.
  /// - Throws: A text that says why there is no engine to try.
  package init(
    on kernel: any HostKernel, paths: [String], pasidCount: Int, filter: String? = nil,
    report: (String) -> Void
  ) throws(EngineAbsence) {
    let bench = Bench(.unknown(kernel))
    defer { bench.finish() }
    guard let path = paths.first(where: { Self.isEngine($0, kernel) }) else {
      throw EngineAbsence(reason: "none of \(paths.count) VFIO device nodes is 8086:0b25")
    }
    let trial: EngineTrial
    do {
      trial = try EngineTrial(bench, path, pasidCount: pasidCount)
    } catch {
      throw EngineAbsence(reason: "\(path): \(bench.lastRequest): \(error)")
    }
    let engine = trial.engine
    device =
      "\(path): DSA version \(hex(engine.version)), \(engine.queueCount) queues, "
      + "\(engine.engineCount) engines, \(trial.pasidWidth) PASID bits; "
      + "PASIDs \(trial.pasids.map(String.init).joined(separator: ", "))"
    report(device)
    steps = EngineStep.all.filter { $0.name.contains(filter ?? $0.name) }
    for step in steps {
      let before = bench.differences.count
      var isOver = false
      var lacking: String?
      do {
        try step.body(trial)
      } catch EngineFailure.lacks(let what) {
        lacking = what
      } catch {
        bench.differ("\(bench.lastRequest): unexpected \(error)")
        isOver = true
      }
      let differences = Array(bench.differences[before...])
      let outcome: Outcome =
        if !differences.isEmpty {
          .failed(differences)
        } else if let lacking {
          .lacked(lacking)
        } else {
          .held
        }
      results.append((step, outcome))
      report(Self.text(step, outcome))
      if isOver { break }
    }
  }

  /// Whether all steps were gone, and all held that the host has what they need for.
  package var isGood: Bool {
    !steps.isEmpty && results.count == steps.count
      && results.allSatisfy { if case .failed = $0.outcome { false } else { true } }
  }

  /// The line that ends a run.
  package var closingLine: String {
    let held = results.count { if case .held = $0.outcome { true } else { false } }
    let lacked = results.count { if case .lacked = $0.outcome { true } else { false } }
    return "engine: \(held) of \(steps.count - lacked) statements hold"
      + (lacked == 0 ? "" : ", \(lacked) not tried")
  }

  private static func text(_ step: EngineStep, _ outcome: Outcome) -> String {
    switch outcome {
    case .held: "holds    \(step.name)"
    case .lacked(let what): "lacks    \(step.name): no \(what)"
    case .failed(let differences):
      "FAILED   \(step.name)" + differences.map { "\n         \($0)" }.joined()
    }
  }

  /// Whether a node is a DSA's: its config space tells once it is bound.
  private static func isEngine(_ path: String, _ kernel: any HostKernel) -> Bool {
    let bench = Bench(.unknown(kernel))
    defer { bench.finish() }
    guard let context = try? bench.context(), let descriptor = try? bench.open(path) else {
      return false
    }
    let device = VFIODescriptor(bench: bench, descriptor: descriptor)
    guard (try? device.bind(context)) != nil,
      let region = try? device.region(VFIOPCI.configRegion),
      let identity = try? device.read(at: region.offset, 4)
    else { return false }
    return identity == [0x86, 0x80, 0x25, 0x0B]
  }
}

/// Why no engine could be tried.
package struct EngineAbsence: Error, CustomStringConvertible {
  /// The reason, as one line.
  package let reason: String

  package var description: String { reason }
}
