import Dispatch
import Glibc
import Hardware
import IOMMU
import Synchronization

/// Addresses of devices to addresses of memory.
struct TranslationRows {
  let setup: Setup
  private var isQuick: Bool { setup.pairs == 1 }

  init(_ setup: Setup) { self.setup = setup }

  func measure(into table: inout Table) {
    do {
      let guest = try NestedGuest(pages: isQuick ? 2048 : 65536)
      hits(guest, &table)
      try misses(guest, &table)
      copies(guest, &table)
      parallel(guest, &table)
      transactions(guest, &table)
      try changes(&table)
    } catch {
      table.fail("translation: \(error)")
    }
  }

  // MARK: One translation

  /// Few pages, so that all are cached; each address depends on the answer before it.
  private func hits(_ guest: NestedGuest, _ table: inout Table) {
    let unit = TranslationUnit()
    let context = guest.context
    let count = isQuick ? 1000 : 2_000_000
    let flat = (0..<256).map { guest.host($0).rawValue }
    _ = Self.translate(unit, context, 256, 256)
    let pairs = Pairs(
      setup.pairs, { seconds { _ = Self.translate(unit, context, count, 256) } },
      { seconds { _ = Self.look(flat, count) } })
    let nanoseconds = 1e9 / Double(count)
    guard unit.misses == 256, unit.faults == 0 else {
      return table.fail("translation: \(unit.misses) misses, \(unit.faults) faults")
    }
    table.add(
      "nested translation, PASID, cached; baseline: an array of 256 addresses",
      "\((pairs.a * nanoseconds).short) ns", baseline: "\((pairs.b * nanoseconds).short) ns",
      ratio: (pairs.a / pairs.b).times, bar: "<= 12 ns", pairs.a * nanoseconds <= 12)
    allocations(&table) { _ = Self.translate(unit, context, count, 256) }
    guard let stream = try? guest.stream() else { return table.fail("translation: a stream") }
    _ = Self.translate(unit, stream, 256, 256)
    let streams = Pairs(
      setup.pairs, { seconds { _ = Self.translate(unit, stream, count, 256) } },
      { seconds { _ = Self.look(flat, count) } })
    guard unit.misses == 512, unit.faults == 0 else {
      return table.fail("streams: \(unit.misses) misses, \(unit.faults) faults")
    }
    table.add(
      "the same for an SMMUv3 stream, whose context descriptor is looked up first",
      "\((streams.a * nanoseconds).short) ns",
      baseline: "\((streams.b * nanoseconds).short) ns", ratio: (streams.a / streams.b).times)
    allocations(&table) { _ = Self.translate(unit, stream, count, 256) }
  }

  /// Far more pages than the cache holds, in random order.
  private func misses(_ guest: NestedGuest, _ table: inout Table) throws {
    let unit = TranslationUnit(cacheCapacity: isQuick ? 64 : 4096)
    let context = guest.context
    let bare = try BareWalk(guest)
    var random = SplitMix64(seed: 2)
    let addresses = (0..<guest.pages).shuffled(using: &random).map(NestedGuest.iova)
    let sums = (Self.walk(unit, context, addresses), Self.walk(bare, addresses))
    guard sums.0 == sums.1, sums.0 != 0 else {
      return table.fail("translation: \(sums.0) by translating, \(sums.1) by loading")
    }
    let before = unit.misses
    let pairs = Pairs(
      setup.pairs, { seconds { _ = Self.walk(unit, context, addresses) } },
      { seconds { _ = Self.walk(bare, addresses) } })
    let share = Double(unit.hits) / Double(unit.hits + unit.misses)
    guard unit.misses > before, share < 0.1 else {
      return table.fail("translation: \(share) of the misses are hits")
    }
    let nanoseconds = 1e9 / Double(addresses.count)
    table.add(
      "nested translation, not cached; baseline: the same 24 loads and nothing else",
      "\((pairs.a * nanoseconds).short) ns", baseline: "\((pairs.b * nanoseconds).short) ns",
      ratio: (pairs.a / pairs.b).times, bar: "<= 2 x", pairs.a <= 2 * pairs.b)
    allocations(&table) { _ = Self.walk(unit, context, addresses) }
  }

  @inline(never)
  private static func translate(
    _ unit: TranslationUnit, _ context: borrowing TranslationContext, _ count: Int, _ pages: Int
  ) -> UInt64 {
    unit.withDMA { dma in
      var sum: UInt64 = 0
      for index in 0..<count {
        // Bit 63 of a host address is never set, but the compiler does not know that.
        let page = index & (pages - 1) | Int(truncatingIfNeeded: sum >> 63)
        switch dma.translate(IOVA(NestedGuest.iova(page)), .read, for: context) {
        case .success(let found): sum = found.address.rawValue
        case .fault: break
        }
      }
      return sum
    }
  }

  @inline(never)
  private static func look(_ flat: [UInt64], _ count: Int) -> UInt64 {
    var sum: UInt64 = 0
    for index in 0..<count { sum = flat[index & 255 | Int(truncatingIfNeeded: sum >> 63)] }
    return sum
  }

  @inline(never)
  private static func walk(
    _ unit: TranslationUnit, _ context: borrowing TranslationContext, _ addresses: [UInt64]
  ) -> UInt64 {
    unit.withDMA { dma in
      var sum: UInt64 = 0
      var last: UInt64 = 0
      for address in addresses {
        switch dma.translate(IOVA(address | last >> 63), .read, for: context) {
        case .success(let found): last = found.address.rawValue
        case .fault: last = 0
        }
        sum &+= last
      }
      return sum
    }
  }

  @inline(never)
  private static func walk(_ bare: BareWalk, _ addresses: [UInt64]) -> UInt64 {
    var sum: UInt64 = 0
    var last: UInt64 = 0
    for address in addresses {
      last = bare.walk(address | last >> 63)
      sum &+= last
    }
    return sum
  }

  private func allocations(_ table: inout Table, _ body: () -> Void) {
    guard Allocations.areCounted else { return }
    let count = Allocations.count(body)
    table.add("the same: allocations", "\(count)", bar: "0", count == 0)
  }

  // MARK: Many bytes

  private func copies(_ guest: NestedGuest, _ table: inout Table) {
    let unit = TranslationUnit()
    let context = guest.context
    let pages = isQuick ? 64 : 512
    let rounds = isQuick ? 2 : 200
    let hosts = (0..<2 * pages).map { guest.host($0).address }
    let pairs = Pairs(
      setup.pairs,
      { seconds { for _ in 0..<rounds { Self.copy(unit, context, pages) } } },
      { seconds { for _ in 0..<rounds { Self.copy(hosts, pages) } } })
    let gigabytes = Double(pages * rounds * 4096) / 1e9
    table.add(
      "DMA copy, 4 KiB pages, both sides nested; baseline: memcpy of the same pages",
      "\((gigabytes / pairs.a).short) GB/s", baseline: "\((gigabytes / pairs.b).short) GB/s",
      ratio: (pairs.b / pairs.a).times, bar: ">= 0.6 x", pairs.b >= 0.6 * pairs.a)
  }

  @inline(never)
  private static func copy(_ unit: TranslationUnit, _ context: TranslationContext, _ pages: Int) {
    let source = NestedGuest.iova(0)
    let target = NestedGuest.iova(pages)
    // Transactions are short: 64 KiB.
    for part in 0..<UInt64(pages / 16) {
      let outcome = unit.withDMA { dma in
        dma.copy(
          65536, from: IOVA(source + part << 16), of: context, to: IOVA(target + part << 16),
          of: context)
      }
      precondition(outcome.obstacle == nil)
    }
  }

  @inline(never)
  private static func copy(_ hosts: [UInt64], _ pages: Int) {
    for page in 0..<pages {
      // Both are pages of the guest's memory.
      _ = unsafe memcpy(
        UnsafeMutableRawPointer(bitPattern: UInt(hosts[pages + page])).unsafelyUnwrapped,
        UnsafeRawPointer(bitPattern: UInt(hosts[page])).unsafelyUnwrapped, 4096)
    }
  }

  // MARK: Threads

  private func parallel(_ guest: NestedGuest, _ table: inout Table) {
    let unit = TranslationUnit()
    let context = guest.context
    let count = isQuick ? 100 : 20_000
    _ = Self.translate(unit, context, 256, 256)
    // Many short transactions, as devices make them.
    @Sendable func work() {
      for _ in 0..<100 { _ = Self.translate(unit, context, count / 100, 128) }
    }
    let rounds = isQuick ? 1 : 1000
    // What the threads took of a processor, when something else wants it too.
    let processor = Mutex<[Double]>([])
    func run(_ threads: Int) -> Double {
      seconds {
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
          let start = Self.threadSeconds
          for _ in 0..<rounds { work() }
          let took = Self.threadSeconds - start
          processor.withLock { $0.append(took) }
        }
      }
    }
    // Twice the work in the time of A, against the work in the time of B.
    let pairs = Pairs(setup.pairs, { run(2) }, { run(1) })
    let speedup = 2 * pairs.b / pairs.a
    table.add(
      "cached translation by two threads, each as many; baseline: by one; ratio: throughput",
      "\((1e3 * pairs.a).short) ms", baseline: "\((1e3 * pairs.b).short) ms",
      ratio: speedup.times, bar: ">= 1.7 x", speedup >= 1.7)
    func median(_ threads: Int) -> Double {
      processor.withLock { $0 = [] }
      for _ in 0..<setup.pairs { _ = run(threads) }
      return processor.withLock { $0.median }
    }
    let (one, two) = (median(1), median(2))
    table.add(
      "the same by each thread's time on a processor", "\((1e3 * two).short) ms",
      baseline: "\((1e3 * one).short) ms", ratio: (2 * one / two).times)
  }

  /// The time that this thread has run.
  private static var threadSeconds: Double {
    var time = timespec()
    // The structure lives for the call.
    _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private func transactions(_ guest: NestedGuest, _ table: inout Table) {
    let unit = TranslationUnit()
    let count = isQuick ? 1000 : 1_000_000
    let empty = Pairs(
      setup.pairs, { seconds { for _ in 0..<count { unit.withDMA { _ in } } } }, { 1 })
    let drain = Pairs(setup.pairs, { seconds { for _ in 0..<count / 100 { unit.drain() } } }, { 1 })
    table.add("an empty transaction", "\((empty.a * 1e9 / Double(count)).short) ns")
    table.add("a drain with nobody inside", "\((drain.a * 1e11 / Double(count)).short) ns")
    table.add(
      "forgetting one page", "\((forget(unit, count) * 1e9 / Double(count)).short) ns")
  }

  private func forget(_ unit: TranslationUnit, _ count: Int) -> Double {
    Pairs(
      setup.pairs,
      {
        seconds {
          for page in 0..<UInt64(count) {
            unit.iotlb.invalidate(tag: 1, from: IOVA(page << 12), pageCount: 1)
          }
        }
      }, { 1 }
    ).a
  }

  // MARK: Changes

  private func changes(_ table: inout Table) throws {
    let sizes = isQuick ? [2000, 1000] : [1_000_000, 1000]
    let tables = try sizes.map { size in
      let table = PagingTable()
      // Every other page, so that there is room between them.
      for page in 0..<UInt64(size) {
        try table.map(
          IOVA(page << 13), byteCount: 4096, to: HostAddress(1 << 30 | page << 12),
          allowing: [.read, .write])
      }
      return (table: table, size: UInt64(size))
    }
    let count = isQuick ? 1000 : 400_000
    func run(_ which: Int) -> Double {
      seconds { Self.mapAndUnmap(tables[which].table, tables[which].size, count) }
    }
    let pairs = Pairs(setup.pairs, { run(0) }, { run(1) })
    let nanoseconds = 1e9 / Double(count)
    table.add(
      "map and unmap a page at random, \(sizes[0]) mapped; baseline: \(sizes[1]) mapped",
      "\((pairs.a * nanoseconds).short) ns", baseline: "\((pairs.b * nanoseconds).short) ns",
      ratio: (pairs.a / pairs.b).times, bar: "< 600 ns", pairs.a * nanoseconds < 600)
    guard tables.allSatisfy({ $0.table.mappedPages == Int($0.size) }) else {
      return table.fail("paging: \(tables.map { $0.table.mappedPages }) pages")
    }
    allocations(&table) { Self.mapAndUnmap(tables[0].table, tables[0].size, count) }
  }

  @inline(never)
  private static func mapAndUnmap(_ table: PagingTable, _ size: UInt64, _ count: Int) {
    var random = SplitMix64(seed: 3)
    for _ in 0..<count {
      let iova = IOVA((random.next() % size) << 13 | 1 << 12)
      do {
        try table.map(iova, byteCount: 4096, to: HostAddress(1 << 20), allowing: .read)
        try table.unmap(iova, byteCount: 4096)
      } catch {
        fatalError("\(error)")
      }
    }
  }
}
