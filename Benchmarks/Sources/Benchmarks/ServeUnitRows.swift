import VirtualIOMMU

/// From the doorbell of a guest's invalidation queue to the cache that must forget.
struct ServeUnitRows {
  let setup: Setup
  private var count: Int { setup.pairs == 1 ? 200 : 20_000 }

  init(_ setup: Setup) { self.setup = setup }

  func measure(into table: inout Table) {
    do {
      let guest = try ServeGuest()
      try direct(guest, &table)
    } catch {
      table.fail("serve: \(error)")
    }
  }

  /// What a page-selective invalidation of a cached page and the wait behind it take.
  private func direct(_ guest: ServeGuest, _ table: inout Table) throws {
    let clock = ContinuousClock()
    var times: [Double] = []
    times.reserveCapacity(count)
    for _ in 0..<count {
      guard guest.found == guest.place else { throw Wrong() }
      let tail = guest.move()
      let start = clock.now
      guest.unit.write(tail, at: VTdRegister.queueTail, size: 4)
      times.append((clock.now - start) / .microseconds(1))
      guard guest.isDone else { throw Wrong() }
    }
    Self.add("doorbell written in process until it returns", times, &table)
  }

  struct Wrong: Error {}

  private static func add(_ what: String, _ times: [Double], _ table: inout Table) {
    let sorted = times.sorted()
    let late = sorted[sorted.count * 99 / 100]
    table.add(
      "a page leaves the IOTLB: \(what); median and p99",
      "\(times.median.short) us, \(late.short) us", bar: "<= 10 us", times.median <= 10)
  }
}
