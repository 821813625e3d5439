import PCIe
import Placement
import TestSupport

/// What placement is tested with.
enum Cases {
  /// Every fixture and every real dump.
  static let all: [Fixture] =
    Fixtures.all + RealDumps.all.map { Fixture("dump \($0.file)", $0.config) }

  /// The names of all, so that a test's arguments print shortly.
  static func evidence(_ config: ConfigSpace, view: ConfigSpace? = nil) -> PlacementEvidence {
    let layout = LayoutMap(of: config)
    guard let view else { return PlacementEvidence(layout: layout, of: config) }
    return PlacementEvidence(layout: layout, of: config, view: view)
  }

  /// A few ranges, free and forbidden, of any place and length.
  static func declarations(using generator: inout SplitMix64) -> [DeclaredRange] {
    (0..<Int.random(in: 0...6, using: &generator)).compactMap { _ in
      let first = Int.random(in: 0x100...0xFFF, using: &generator)
      let length =
        Int.random(in: 0...9, using: &generator) * Int.random(in: 1...200, using: &generator)
      let last = min(first + length, 0xFFF)
      let verdict: DeclaredRange.Verdict =
        Int.random(in: 0..<3, using: &generator) > 0
        ? .free : .forbidden
      return try? DeclaredRange(first...last, verdict, source: "test \(first)")
    }
  }

  /// The config space as vfio-pci would show it without some capabilities: the pointer before a
  /// removed one leads on, and a removed first one stays as a placeholder of ID 0.
  static func view(
    of config: ConfigSpace, using generator: inout SplitMix64
  ) -> ConfigSpace {
    let entries = config.walkCapabilities().extended
    let removed = entries.map { _ in Int.random(in: 0..<3, using: &generator) == 0 }
    var builder = ConfigSpaceBuilder(config)
    let blanks = Bool.random(using: &generator)
    var shown: [(offset: Int, id: UInt16, version: UInt8)] = []
    for (index, entry) in entries.enumerated() {
      if removed[index] {
        if blanks {
          for byte in entry.knownBytes { builder.put8(0, at: byte) }
        } else {
          builder.put32(0, at: entry.offset)
        }
      }
      if !removed[index] { shown.append((entry.offset, entry.id, entry.version)) }
      if removed[index], index == 0 { shown.append((0x100, 0, 0)) }
    }
    for (index, entry) in shown.enumerated() {
      builder.putExtendedHeader(
        id: entry.id, version: entry.version,
        next: index + 1 < shown.count ? shown[index + 1].offset : 0, at: entry.offset)
    }
    return builder.config
  }
}

extension Fixture {
  /// A seed of its own.
  var seed: UInt64 { name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) } }
}
