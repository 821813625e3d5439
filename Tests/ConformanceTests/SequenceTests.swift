import Conformance
import HostABI
import SoftHost
import Testing

@Suite("Sequences on two kernels")
struct SequenceTests {
  private static let paths = (0..<6).map { "/dev/vfio/devices/vfio\($0)" }

  private func duel(
    _ second: (SoftProcess) -> any HostKernel = { $0 }
  ) throws -> (duel: SequenceDuel, hosts: [SoftwareHost]) {
    let hosts = (0..<2).map { _ in SoftwareHost.server(answersMockRequests: true) }
    let duel = try SequenceDuel(
      hosts[0].makeProcess(), second(hosts[1].makeProcess()), names: ("one", "other"),
      devicePaths: (Self.paths, Self.paths), mock: true)
    return (duel, hosts)
  }

  @Test("two software hosts never differ", arguments: [1, 1000, 77_777] as [UInt64])
  func same(from seed: UInt64) throws {
    let (duel, hosts) = try duel()
    for seed in seed..<(seed + 80) {
      let difference = try duel.run(seed: seed, length: 40)
      #expect(difference == nil, "seed \(seed): \(difference?.text ?? "")")
      #expect(hosts.allSatisfy { $0.openContextCount == 0 })
    }
    #expect(duel.counts.values.filter { $0.worked > 0 }.count > 35, "kinds of steps that worked")
  }

  @Test(
    "what is no step is refused",
    arguments: ["%0 ioas", "%-1 ioas", "%1 destroy id=%1.-1", "%1 destroy id=%-2"])
  func noStep(_ line: String) {
    #expect(throws: SequenceTextError.self) { try SequenceText.steps(line) }
  }

  @Test("a difference is found and shrunk to what causes it")
  func shrinking() throws {
    let (duel, _) = try duel { process in
      WrongKernel(process) { request, bytes in
        // A mapping of three pages or more fails.
        request == IOMMUFDRequest.ioasMap.number && bytes.little(UInt64.self, at: 24) >= 0x3000
          && bytes.little(UInt64.self, at: 24) < 1 << 32
      }
    }
    let found = try #require(
      try (1...200).lazy.compactMap { try duel.run(seed: $0, length: 40) }.first)
    var shrinker = SequenceShrinker(duel, found)
    try shrinker.run()
    let steps = shrinker.best.steps
    #expect(steps.count <= 2, "\(SequenceText.text(steps))")
    #expect(steps.last?.description.contains(" map ") == true)
    let text = SequenceText.text(steps)
    #expect(try duel.replay(try SequenceText.steps(text)) != nil, "it can be replayed from text")
  }

  @Test("sequences read back what they write")
  func text() throws {
    let text = """
      %1 ioas flags=0
      %2 device table=%1 flags=4
      %3 hwpt flags=9 device=%2.1 parent=%1 reserved=0 fault=0
      %4 map flags=7 ioas=%1 reserved=0 va=@0x1800 length=0x800 iova=0x1000000

      """
    #expect(SequenceText.text(try SequenceText.steps(text)) == text)
    let commented = "# a comment\n\n  %1 ioas   # makes an IOAS\n"
    #expect(try SequenceText.steps(commented).map(\.description) == ["%1 ioas flags=0"])
  }

  @Test(
    "what is no step is refused with its line",
    arguments: [
      "ioas", "%1", "%x ioas", "%1 nothing", "%1 ioas flags", "%1 ioas flags=z", "%1 ioas size=3",
      "%1 ioas flags=%", "%1 ioas flags=%1.2.3", "%1 ioas flags=@-1",
      "%1 ioas flags=0x10000000000000000",
    ])
  func refusal(line: String) {
    do {
      _ = try SequenceText.steps("%1 ioas\n" + line)
      Issue.record("\(line) was read")
    } catch {
      #expect(error.line == 2)
    }
  }

  @Test("a transcript marks where the kernels differ")
  func transcript() throws {
    let (duel, _) = try duel { process in
      WrongKernel(process) { request, _ in request == IOMMUFDRequest.ioasAlloc.number }
    }
    let lines = try duel.transcript(try SequenceText.steps("%1 ioas\n%2 destroy id=%1\n"))
    #expect(lines.hasPrefix("%1 ioas flags=0   # ok 1   <<< one: ok 1, other: EIO\n"))
  }

  @Test("the generator's numbers are those that were published")
  func numbers() {
    var random = SplitMix64(seed: 1_234_567)
    #expect(random.next() == 6_457_827_717_110_365_317)
    #expect(random.next() == 3_203_168_211_198_807_973)
  }
}
