import Conformance
import HostABI
import SoftHost
import Testing

@Suite("The cases find what is wrong")
struct SuiteTests {
  @Test("a user's limits have their cases")
  func limitedUser() {
    let host = SoftwareHost.server(answersMockRequests: true)
    let testbed = Testbed(
      host.makeProcess(Credentials(lockedMemoryLimit: 64 << 10)), devicePaths: [])
    #expect(testbed.has.isSuperset(of: [.unprivileged, .memoryLimit]))
    let cases = ConformanceSuite.cases.filter {
      !$0.needs.filter { [.unprivileged, .memoryLimit].contains($0) }.isEmpty
    }
    #expect(ConformanceRun(cases, on: testbed).counts == (2, 0, 0))
  }

  @Test("a kernel that does one thing wrong fails a case, with expected and actual")
  func wrongKernel() throws {
    let host = SoftwareHost.server(answersMockRequests: true)
    let kernel = WrongKernel(host.makeProcess()) { request, bytes in
      request == IOMMUFDRequest.ioasUnmap.number && bytes.little(UInt64.self, at: 16) == 0
    }
    let testbed = Testbed(kernel, devicePaths: [])
    let cases = ConformanceSuite.cases.filter { $0.name.hasPrefix("UNMAP fails") }
    let run = ConformanceRun(cases, on: testbed)
    #expect(run.closingLine == "9 passed, 1 failed, 0 skipped")
    let failures = run.results.compactMap { _, outcome in
      if case .failed(let differences) = outcome { differences } else { nil }
    }
    #expect(failures.first?.first?.hasSuffix("expected EINVAL, got EIO") == true)
  }

  @Test("a kernel without iommufd skips every case")
  func nothing() {
    let run = ConformanceRun(
      ConformanceSuite.cases, on: Testbed(NoKernel(), devicePaths: ["/dev/vfio/devices/vfio0"]))
    #expect(run.counts.failed == 0 && run.counts.passed == 0)
  }
}
