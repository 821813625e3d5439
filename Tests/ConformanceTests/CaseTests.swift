import Conformance
import SoftHost
import Testing

extension ConformanceCase: CustomTestStringConvertible {
  /// The name, after the numbers of what it covers.
  public var testDescription: String {
    guard !statements.isEmpty else { return name }
    return statements.map(String.init).joined(separator: ", ") + ": " + name
  }
}

@Suite("A software host keeps what iommufd and VFIO promise")
struct CaseTests {
  /// Each host, asked once.
  static let testbeds: [SoftTestbed: Testbed] = {
    var testbeds: [SoftTestbed: Testbed] = [:]
    for host in SoftTestbed.allCases { testbeds[host] = try? host.testbed }
    return testbeds
  }()

  @Test(
    "on every host that has what it needs, at least one", .serialized,
    arguments: ConformanceSuite.cases)
  func holds(_ test: ConformanceCase) throws {
    var runs = 0
    for host in SoftTestbed.allCases {
      let testbed = try #require(Self.testbeds[host])
      switch test.run(on: testbed) {
      case .passed: runs += 1
      case .failed(let differences):
        runs += 1
        Issue.record("\(host): \(differences.joined(separator: "; "))")
      case .skipped: break
      }
    }
    #expect(runs > 0, "needs \(test.needs.map(\.rawValue).joined(separator: ", "))")
  }

  @Test("after a run nothing is left", arguments: [SoftTestbed.server, .legacy])
  func leaves(_ host: SoftTestbed) throws {
    let testbed = try #require(Self.testbeds[host])
    let process = try #require(testbed.kernel as? SoftProcess)
    // Cases of the other test may be in the middle, so this run has a host of its own.
    let other = try host.testbed
    let own = try #require(other.kernel as? SoftProcess)
    #expect(own !== process)
    _ = ConformanceRun(ConformanceSuite.cases, on: other)
    #expect(own.host.openContextCount == 0)
    #expect(own.host.chargedPageCount == 0)
  }

  @Test("each name is a case's own")
  func names() {
    #expect(Set(ConformanceSuite.cases.map(\.name)).count == ConformanceSuite.cases.count)
  }
}
