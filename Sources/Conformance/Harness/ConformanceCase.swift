/// One statement about a kernel that can be tried.
package struct ConformanceCase: Sendable {
  /// What holds, as one line: unique among the cases.
  package let name: String
  /// Numbers of the checklist of host rules that the case covers; none for a row of a table.
  package let statements: [Int]
  /// What the kernel must have.
  package let needs: [Need]
  let body: @Sendable (Bench) throws -> Void

  init(
    _ name: String, _ statements: Int..., needs: Need...,
    body: @escaping @Sendable (Bench) throws -> Void
  ) {
    self.init(name, statements: statements, needs: needs, body: body)
  }

  init(
    _ name: String, statements: [Int], needs: [Need],
    body: @escaping @Sendable (Bench) throws -> Void
  ) {
    self.name = name
    self.statements = statements
    self.needs = needs.isEmpty ? [.iommufd] : needs
    self.body = body
  }
}

/// How a case ended.
package enum CaseOutcome: Sendable {
  /// All was as expected.
  case passed
  /// What was not.
  case failed([String])
  /// What the kernel has not.
  case skipped([Need])
}

extension ConformanceCase {
  /// Tries the case on a kernel.
  package func run(on testbed: Testbed) -> CaseOutcome {
    let missing = needs.filter { !testbed.has.contains($0) }
    guard missing.isEmpty else { return .skipped(missing) }
    let bench = Bench(testbed)
    do {
      try body(bench)
    } catch {
      bench.differ("\(bench.lastRequest): unexpected \(error)")
    }
    bench.finish()
    return bench.differences.isEmpty ? .passed : .failed(bench.differences)
  }
}
