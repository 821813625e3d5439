import HostABI
import PCIe
import SoftHost
import TestSupport
import Testing

@testable import Commands

@Suite("The lab and a device of somebody's with anything in it")
struct LabHostileTests {
  @Test("any config space is run or refused with a reason", arguments: 0..<24 as Range<UInt64>)
  func devices(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for round in 0..<6 {
      var bytes = SampleDevice.sapphireRapidsDSA.bytes
      for _ in 0..<1 + random.next() % 12 {
        let place = Int(random.next() % (random.next() % 3 == 0 ? 4096 : 0x260))
        bytes[place] = UInt8(truncatingIfNeeded: random.next())
      }
      if round == 0 { bytes.removeLast(4096 - 256) }
      if round == 1 {
        // The list starts where its registers would lie behind the end.
        bytes.replaceSubrange(0x100..<0x104, with: [1, 0, 0xC1, 0xFF])
        bytes.replaceSubrange(0xFFC..<0x1000, with: [0x1B, 0, 1, 0])
      }
      let config = try ConfigSpace(bytes)
      let device = LabDevice(LoadedDevice(address: nil, source: "any", config: config))
      do {
        let options = try LabOptions(
          pasidCount: 1, device: device,
          breaking: random.next() % 2 == 0 ? nil : LabBreak.allCases.randomElement(using: &random))
        let report = Lab.run(options, on: try LabHost(options), to: try LabHost(options))
        var text = JSONText(lineDepth: 4)
        LabJSON.write(report, to: &text)
        #expect(!LabTextReport.text(report, style: TextStyle(colored: false)).isEmpty)
        if let walk = report.facts.walk {
          _ =
            report.facts.tables.map { LabTablesSVG.svg($0, walk, in: report) }
            ?? LabWalkSVG.svg(walk, in: report)
        }
      } catch {
        #expect(!error.description.isEmpty)
      }
    }
  }
}
