import DeviceModels
import Testing

@Suite("Batches")
struct BatchTests {
  /// Puts descriptors into memory and makes a batch of them.
  private func batch(_ bench: Bench, _ children: [Descriptor]) -> Descriptor {
    for (index, child) in children.enumerated() {
      bench.port.put(child.bytes, at: 0x3_0000 + 64 * UInt64(index))
    }
    return Descriptor(1, source: 0x3_0000, count: UInt32(children.count))
  }

  @Test("all descriptors of a batch are done, and counted")
  func all() {
    let bench = Bench()
    bench.port.put([1, 2, 3, 4], at: 0x1_0000)
    let children = (0..<100).map { index in
      Descriptor.move(0x1_0000, 0x2_0000 + 16 * UInt64(index), 4).with { $0.flags = 0b100 }
    }
    let record = bench.run(batch(bench, children))
    #expect(record.status == 1 && record.completed == 100)
    #expect((0..<100).allSatisfy { bench.port.get(0x2_0000 + 16 * UInt64($0), 4) == [1, 2, 3, 4] })
  }

  @Test(
    "a failed descriptor fails the batch; others go on until a fence", arguments: [false, true])
  func failure(hasFence: Bool) {
    let bench = Bench()
    let bad = Descriptor(0x7F).with { $0.record = 0x1020 }
    let good = Descriptor.move(0x1_0000, 0x2_0000, 4).with {
      $0.record = 0x1040
      if hasFence { $0.flags |= 1 }
    }
    let record = bench.run(batch(bench, [bad, good, good]))
    #expect(record.status == 5)
    #expect(record.completed == (hasFence ? 1 : 3))
    #expect(Record(bench.port, at: 0x1020).status == 0x10)
    #expect(Record(bench.port, at: 0x1040).status == (hasFence ? 0 : 1))
  }

  @Test("a batch in a batch is no operation")
  func nested() {
    let bench = Bench()
    let inner = Descriptor(1, source: 0x3_0000, count: 2).with { $0.record = 0x1020 }
    #expect(bench.run(batch(bench, [inner, Descriptor(0)])).status == 5)
    #expect(Record(bench.port, at: 0x1020).status == 0x10)
  }

  @Test("a list that is not there ends the batch where it stops")
  func listFault() {
    let bench = Bench()
    let last: UInt64 = 0x1_0000 + 64 * 4096 - 64
    bench.port.put(Descriptor(0).with { $0.flags = 0 }.bytes, at: last)
    let record = bench.run(Descriptor(1, source: last, count: 2))
    #expect(record.status == 6 && record.completed == 1)
    #expect(record.faultAddress == 0x1_0000 + 64 * 4096)
  }

  @Test("a device without batches says that there is no such operation")
  func absent() {
    var options = DSAOptions()
    options.maxBatchShift = 0
    let bench = Bench(options, queues: [Driver.Queue(batchShift: 0)])
    #expect(bench.driver.read64(0x40) & 2 == 0)
    #expect(bench.run(batch(bench, [Descriptor(0), Descriptor(0)])).status == 0x10)
  }
}
