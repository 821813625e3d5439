import PCIe

/// The guest's accesses to a config space.
struct VirtualRows {
  let setup: Setup

  init(_ setup: Setup) { self.setup = setup }

  func measure(into table: inout Table) {
    let config = Zoo.layouts(1)[0]
    let offset = 0xFF8
    let capability = PASIDCapability().extendedCapability
    guard let insertion = try? LayoutMap(of: config).inserting(capability, at: offset, in: config),
      var space = try? VirtualConfigSpace(config, inserting: insertion)
    else { return table.fail("virtual config space") }
    let count = setup.isQuick ? 1000 : 1_000_000
    var sum: UInt32 = 0
    let physical = { for _ in 0..<count { sum &+= config.read32(Self.shifting(0x40, sum)) } }
    let reads: [(String, Int)] = [("emulated", offset), ("physical", 0x40)]
    for (name, offset) in reads {
      let body = {
        for _ in 0..<count { sum &+= space.read(.dword, at: Self.shifting(offset, sum)) }
      }
      add("virtual space: \(name) read of 4 bytes", count, body, physical, to: &table)
    }
    var changes = 0
    let write = {
      for index in 0..<count {
        let change = space.write(UInt32(index & 1), .word, at: offset + 6)
        if change.pasidControl != nil { changes += 1 }
      }
    }
    add("virtual space: write that enables or disables PASID", count, write, physical, to: &table)
    if changes < count / 2 { table.fail("virtual config space: \(changes) changes") }
  }

  /// The offset, made to depend on the reads before, so that none can be hoisted or overlapped.
  @inline(never)
  private static func shifting(_ offset: Int, _ sum: UInt32) -> Int {
    sum == 1 ? offset + 4 : offset
  }

  private func add(
    _ what: String, _ count: Int, _ body: () -> Void, _ baseline: () -> Void,
    to table: inout Table
  ) {
    let pairs = Pairs(setup.pairs, { seconds(body) }, { seconds(baseline) })
    let allocations = Allocations.count(body)
    let nanoseconds = 1e9 / Double(count)
    table.add(
      "\(what); baseline: read of a snapshot", "\((pairs.a * nanoseconds).short) ns",
      baseline: "\((pairs.b * nanoseconds).short) ns", ratio: (pairs.a / pairs.b).times)
    if Allocations.areCounted {
      table.add("the same: allocations", "\(allocations)", bar: "0", allocations == 0)
    }
  }
}
