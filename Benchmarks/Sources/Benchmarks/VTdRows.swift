import VirtualIOMMU

/// A guest's VT-d unit: registers, the invalidation queue, PASIDs on their way to the host.
struct VTdRows {
  let setup: Setup
  private var isQuick: Bool { setup.pairs == 1 }

  init(_ setup: Setup) { self.setup = setup }

  func measure(into table: inout Table) {
    do {
      try registers(&table)
      try attaching(&table)
      try storm(&table, queueOrder: 7, "the longest queue, 16,383 before each wait", hasBar: true)
      try storm(&table, queueOrder: 1, "a queue as Linux's, 255 before each wait", hasBar: true)
    } catch {
      table.fail("VT-d: \(error)")
    }
  }

  private func registers(_ table: inout Table) throws {
    let guest = try VTdGuest(pasids: 64, queueOrder: 0)
    let count = isQuick ? 1000 : 2_000_000
    let values = [UInt32](repeating: 3, count: 1024)
    let pairs = Pairs(
      setup.pairs, { seconds { _ = Self.read(guest.unit, count) } },
      { seconds { _ = Self.read(values, count) } })
    let nanoseconds = 1e9 / Double(count)
    table.add(
      "VT-d: a register read; baseline: an array of the registers",
      "\((pairs.a * nanoseconds).short) ns", baseline: "\((pairs.b * nanoseconds).short) ns",
      ratio: (pairs.a / pairs.b).times, bar: "<= 100 ns", pairs.a * nanoseconds <= 100)
    guard Allocations.areCounted else { return }
    let allocations = Allocations.count { _ = Self.read(guest.unit, count) }
    table.add("the same: allocations", "\(allocations)", bar: "0", allocations == 0)
  }

  @inline(never)
  private static func read(_ unit: VTdUnit, _ count: Int) -> UInt64 {
    var sum: UInt64 = 0
    for index in 0..<count {
      sum &+= unit.read((index & 7) * 4 | Int(truncatingIfNeeded: sum >> 63) << 2, size: 4)
    }
    return sum
  }

  @inline(never)
  private static func read(_ values: [UInt32], _ count: Int) -> UInt64 {
    var sum: UInt64 = 0
    for index in 0..<count {
      sum &+= UInt64(values[index & 7 | Int(truncatingIfNeeded: sum >> 63)])
    }
    return sum
  }

  private func attaching(_ table: inout Table) throws {
    let pasids = isQuick ? 50 : 10_000
    let guest = try VTdGuest(pasids: pasids, queueOrder: 1)
    func run(_ isPresent: Bool) -> Double {
      seconds { for pasid in 1...UInt64(pasids) { guest.set(pasid, isPresent: isPresent) } }
    }
    let pairs = Pairs(setup.pairs, { run(true) }, { run(false) })
    guard guest.counter.attached == guest.counter.removed,
      guest.counter.removed >= pasids * setup.pairs
    else {
      return table.fail(
        "VT-d: \(guest.counter.attached) attached, \(guest.counter.removed) removed")
    }
    let microseconds = 1e6 / Double(pasids)
    table.add(
      "VT-d: a guest attaches a PASID: entry, three descriptors, doorbell, backend; "
        + "baseline: it detaches one",
      "\((pairs.a * microseconds).short) us", baseline: "\((pairs.b * microseconds).short) us",
      ratio: (pairs.a / pairs.b).times, bar: "<= 5 us", pairs.a * microseconds <= 5)
  }

  private func storm(
    _ table: inout Table, queueOrder: UInt64, _ words: String, hasBar: Bool
  ) throws {
    let pasids = isQuick ? 50 : 1000
    let guest = try VTdGuest(pasids: pasids, queueOrder: queueOrder)
    for pasid in 1...UInt64(pasids) { guest.set(pasid, isPresent: true) }
    guest.fill()
    // To the start of the queue.
    guest.ring()
    let slots = guest.queueBytes / 32
    let laps = isQuick ? 2 : max(1, 1_000_000 / Int(slots) + 1)
    // The wait is the last of a lap; the doorbell goes to it, and then over it to the first one.
    func run() {
      for _ in 0..<laps {
        guest.ring(over: slots - 1)
        guest.ring(over: 1)
      }
    }
    let before = guest.counter.ranges
    run()
    let expected = laps * Int(slots - 1)
    guard guest.counter.ranges - before == expected else {
      return table.fail("VT-d: \(guest.counter.ranges - before) of \(expected) ranges arrived")
    }
    let pairs = Pairs(
      setup.pairs, { seconds { run() } },
      {
        var sum: UInt64 = 0
        let time = seconds { for _ in 0..<laps { sum &+= guest.sum() } }
        if sum == 1 { print("") }
        return time
      })
    let millions = Double(expected) / 1e6
    table.add(
      "VT-d: invalidations of pages over \(pasids) PASIDs, \(words); "
        + "baseline: loading the same words",
      "\((millions / pairs.a).short) M/s", baseline: "\((millions / pairs.b).short) M/s",
      ratio: (pairs.b / pairs.a).times, bar: hasBar ? ">= 5 M/s" : "-",
      hasBar ? millions / pairs.a >= 5 : nil)
    guard Allocations.areCounted else { return }
    let allocations = Allocations.count { run() }
    table.add("the same: allocations", "\(allocations)", bar: "0", allocations == 0)
  }
}
