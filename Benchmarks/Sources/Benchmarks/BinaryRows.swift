import Hardware
import PCIe

/// From bytes in memory to a decision.
struct BinaryRows {
  let setup: Setup

  init(_ setup: Setup) { self.setup = setup }

  func measure(into table: inout Table) {
    let devices = Zoo.herd(setup.devices, of: Zoo.layouts(40))
    var sum: UInt64 = 0
    var decisions = Decisions()
    let pairs = Pairs(
      setup.pairs,
      { seconds { for config in devices { decisions.add(config) } } },
      { seconds { for config in devices { sum &+= Self.sum(of: config) } } })
    guard decisions.sum > 0, sum > 0 else { return table.fail("binary") }
    let perDevice = 1e6 / Double(setup.devices)
    table.add(
      "4096 bytes to placement: walk, map, place; baseline: sum of the bytes as UInt64",
      "\((pairs.a * perDevice).short) us a device", baseline: "\((pairs.b * perDevice).short) us",
      ratio: (pairs.a / pairs.b).times, bar: "< 3 us", pairs.a * perDevice < 3)

    guard Allocations.areCounted else {
      return table.add("allocations (skipped: they are not counted on this system)", "-")
    }
    let all = Allocations.count { for config in devices { decisions.add(config) } }
    table.add(
      "the same: allocations", "\((Double(all) / Double(devices.count)).short) a device")
    let counts = [false, true].map { isRandom in
      let config = Zoo.wideBody(isRandom: isRandom)
      return Allocations.count { for _ in 0..<100 { decisions.add(config) } }
    }
    table.add(
      "allocations, a body of 3584 random bytes; baseline: the same body all zero",
      "\((Double(counts[1]) / 100).short) a device",
      baseline: "\((Double(counts[0]) / 100).short)",
      ratio: (Double(counts[1]) / Double(counts[0])).times, bar: "equal", counts[0] == counts[1])
  }

  private static func sum(of config: ConfigSpace) -> UInt64 {
    let bytes = config.bytes.span
    var sum: UInt64 = 0
    for offset in stride(from: 0, to: config.size, by: 8) {
      sum &+= bytes.little(UInt64.self, at: offset) ?? 0
    }
    return sum
  }
}
