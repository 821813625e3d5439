import Conformance
import SoftHost
import Testing

@Suite("Two software hosts answer a sequence alike")
struct SequenceTests {
  @Test("made-up requests, by the hundred", arguments: UInt64(0)..<8)
  func sequences(_ part: UInt64) throws {
    let paths = (0..<8).map { "/dev/vfio/devices/vfio\($0)" }
    let hosts = (0..<2).map { _ in SoftwareHost.server(answersMockRequests: true) }
    do {
      let duel = try SequenceDuel(
        hosts[0].makeProcess(), hosts[1].makeProcess(), names: ("one", "other"),
        devicePaths: (paths, paths), mock: true)
      for seed in part * 25..<(part + 1) * 25 {
        if let difference = try duel.run(seed: seed, length: 40) {
          Issue.record("seed \(seed): \(difference.text)")
        }
      }
      #expect(duel.counts.values.reduce(0) { $0 + $1.worked } > 100)
    }
    for host in hosts { #expect(host.openContextCount == 0 && host.chargedPageCount == 0) }
  }
}
