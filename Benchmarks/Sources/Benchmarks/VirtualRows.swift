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
    let count = setup.pairs == 1 ? 1000 : 1_000_000
    add("emulated read of 4 bytes", count, config, to: &table) {
      Self.read(&space, count, at: offset)
    }
    add("physical read of 4 bytes", count, config, to: &table) {
      Self.read(&space, count, at: 0x40)
    }
    var changes = 0
    add("write that enables or disables PASID", count, config, to: &table) {
      changes += Self.write(&space, count, at: offset + 6)
    }
    if changes < count { table.fail("virtual config space: \(changes) changes") }
  }

  // Functions of their own, because a captured variable is checked for exclusive access each time.
  private static func read(
    _ space: inout VirtualConfigSpace<ConfigSpace>, _ count: Int, at offset: Int
  ) {
    var sum: UInt32 = 0
    for _ in 0..<count { sum &+= space.read(.dword, at: shifting(offset, sum)) }
    precondition(sum != 1)
  }

  private static func write(
    _ space: inout VirtualConfigSpace<ConfigSpace>, _ count: Int, at offset: Int
  ) -> Int {
    var changes = 0
    for index in 0..<count
    where space.write(UInt32(index & 1), .word, at: offset).pasidControl != nil {
      changes += 1
    }
    return changes
  }

  private static func read(_ config: ConfigSpace, _ count: Int) {
    var sum: UInt32 = 0
    for _ in 0..<count { sum &+= config.read32(shifting(0x40, sum)) }
    precondition(sum != 1)
  }

  /// The offset, made to depend on the reads before, so that none can be hoisted or overlapped.
  @inline(never)
  private static func shifting(_ offset: Int, _ sum: UInt32) -> Int {
    sum == 1 ? offset + 4 : offset
  }

  private func add(
    _ what: String, _ count: Int, _ config: ConfigSpace, to table: inout Table, _ body: () -> Void
  ) {
    let pairs = Pairs(setup.pairs, { seconds(body) }, { seconds { Self.read(config, count) } })
    let allocations = Allocations.count(body)
    let nanoseconds = 1e9 / Double(count)
    table.add(
      "virtual space: \(what); baseline: read of a snapshot", "\((pairs.a * nanoseconds).short) ns",
      baseline: "\((pairs.b * nanoseconds).short) ns", ratio: (pairs.a / pairs.b).times)
    if Allocations.areCounted {
      table.add("the same: allocations", "\(allocations)", bar: "0", allocations == 0)
    }
  }
}
