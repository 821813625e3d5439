import Conformance
import Testing

/// The checklist of host rules, and where each statement of it is tried.
@Suite("The checklist")
struct StatementTests {
  /// How many statements it has.
  static let statements = 1...146

  /// Statements that no case is about, and the test that is.
  ///
  /// Cases see a kernel only through requests: what devices' memory requests find, and config spaces
  /// whose every byte the test knows, belong to tests of the software host.
  static let elsewhere: [Int: String] = [:]

  @Test("every statement is tried", arguments: statements)
  func tried(_ statement: Int) {
    let cases = ConformanceSuite.cases.filter { $0.statements.contains(statement) }
    #expect(!cases.isEmpty || Self.elsewhere[statement] != nil)
  }

  @Test("no case names a statement that is not there")
  func known() {
    let named = Set(ConformanceSuite.cases.flatMap(\.statements))
    #expect(named.isSubset(of: Set(Self.statements)))
  }
}
