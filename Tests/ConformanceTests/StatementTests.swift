import Conformance
import Testing

/// The checklist of host rules against the cases.
@Suite("The checklist")
struct StatementTests {
  /// How many statements it has.
  static let statements = 1...146

  @Test("every statement is tried by a case", arguments: statements)
  func tried(_ statement: Int) {
    let cases = ConformanceSuite.cases.filter { $0.statements.contains(statement) }
    #expect(!cases.isEmpty)
  }

  @Test("no case names a statement that is not there")
  func known() {
    let named = Set(ConformanceSuite.cases.flatMap(\.statements))
    #expect(named.isSubset(of: Set(Self.statements)))
  }
}
