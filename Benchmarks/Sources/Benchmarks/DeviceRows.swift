/// Device models: what a descriptor costs above the bytes that it moves.
struct DeviceRows {
  let setup: Setup

  init(_ setup: Setup) { self.setup = setup }

  func measure(into table: inout Table) {
    do {
      let accelerator = try BenchAccelerator()
      let rounds = setup.pairs == 1 ? 200 : 50_000
      accelerator.copy(4096, 10)
      guard accelerator.hasSucceeded else { return table.fail("device models: a copy failed") }
      for count in [64, 4096] {
        let pairs = Pairs(
          setup.pairs, { seconds { accelerator.copy(count, rounds) } },
          { seconds { accelerator.copyDirectly(count, rounds) } })
        let time = pairs.a / Double(rounds) * 1e9
        let alone = pairs.b / Double(rounds) * 1e9
        table.add(
          "accelerator: copy \(count) B with a PASID; baseline: the endpoint's copy alone",
          "\(time.short) ns", baseline: "\(alone.short) ns", ratio: (pairs.a / pairs.b).times,
          bar: "< 10 us", time < 10_000)
      }
      guard Allocations.areCounted else { return }
      let allocations = Allocations.count { accelerator.copy(4096, 1000) }
      table.add(
        "accelerator: allocations of 1000 copies", "\(allocations)", bar: "0", allocations == 0)
    } catch {
      table.fail("device models: \(error)")
    }
  }
}
