/// All cases, tried on one kernel.
package struct ConformanceRun {
  /// What happened to each case.
  package private(set) var results: [(test: ConformanceCase, outcome: CaseOutcome)] = []

  /// Tries cases one after another.
  ///
  /// - Parameters:
  ///   - cases: The cases.
  ///   - testbed: The kernel and what it has.
  ///   - report: Called after each case.
  package init(
    _ cases: [ConformanceCase], on testbed: Testbed,
    report: (ConformanceCase, CaseOutcome) -> Void = { _, _ in }
  ) {
    for test in cases {
      let outcome = test.run(on: testbed)
      results.append((test, outcome))
      report(test, outcome)
    }
  }

  /// How many cases passed, failed and were skipped.
  package var counts: (passed: Int, failed: Int, skipped: Int) {
    var counts = (passed: 0, failed: 0, skipped: 0)
    for (_, outcome) in results {
      switch outcome {
      case .passed: counts.passed += 1
      case .failed: counts.failed += 1
      case .skipped: counts.skipped += 1
      }
    }
    return counts
  }

  /// The line that ends a run.
  package var closingLine: String {
    let counts = counts
    return "\(counts.passed) passed, \(counts.failed) failed, \(counts.skipped) skipped"
  }
}
