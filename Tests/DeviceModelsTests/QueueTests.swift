import DeviceModels
import Testing

@Suite("Work queues and portals")
struct QueueTests {
  @Test("pieces of a slot are one descriptor when all 64 bytes are there", arguments: [1, 2, 4, 8])
  func gathering(size: Int) {
    let bench = Bench()
    let bytes = Descriptor(0).bytes
    var places = Array(stride(from: 0, to: 64, by: size))
    places.swapAt(1, 5)
    for place in places {
      #expect(Record(bench.port).status == 0)
      let value = bytes[place..<place + size].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      bench.device.write(value, size, at: 0x40 + UInt64(place), of: 2)
      bench.driver.serve()
    }
    #expect(Record(bench.port).status == 1)
  }

  @Test("a queue takes as many as it has room for; a limited portal as many as its threshold")
  func limits() {
    let queue = Driver.Queue(size: 4, threshold: 2, isDedicated: false, pasid: 1)
    let bench = Bench(queues: [queue])
    let descriptor = Descriptor(0)
    #expect(bench.driver.enqueue(descriptor) && bench.driver.enqueue(descriptor))
    #expect(!bench.driver.enqueue(descriptor))
    #expect(bench.driver.enqueue(descriptor, isLimited: false))
    #expect(bench.driver.enqueue(descriptor, isLimited: false))
    #expect(!bench.driver.enqueue(descriptor, isLimited: false))
    #expect(bench.driver.read32(0x418) == 1 << 30 | 4)
    bench.driver.serve()
    #expect(bench.driver.read32(0x418) == 1 << 30)
    #expect(bench.driver.enqueue(descriptor))
  }

  @Test("ENQCMD is answered with retry by dedicated queues and by none")
  func wrongQueue() {
    let bench = Bench()
    #expect(!bench.driver.enqueue(Descriptor(0)))
    #expect(!bench.driver.enqueue(Descriptor(0), to: 3))
    #expect(!bench.driver.enqueue(Descriptor(0), to: 7))
  }

  @Test("a dedicated queue's PASID is its own, a shared queue's the descriptor's")
  func identities() {
    let bench = Bench(queues: [
      Driver.Queue(pasid: 5), Driver.Queue(isDedicated: false, pasid: 6), Driver.Queue(),
    ])
    for pasid: UInt32? in [5, 9, nil] { bench.port.map(0x1000, pasid: pasid) }
    let descriptor = Descriptor(0).with { $0.identity = 9 }
    #expect(bench.run(descriptor, queue: 0, pasid: 5).status == 1)
    #expect(Record(bench.port, pasid: 9).status == 0)
    #expect(bench.driver.enqueue(descriptor, to: 1))
    bench.driver.serve()
    #expect(Record(bench.port, pasid: 9).status == 1)
    #expect(Record(bench.port).status == 0)
    #expect(bench.run(descriptor, queue: 2).status == 1)
  }

  @Test("privilege in a shared queue needs the function's leave")
  func privilege() {
    let bench = Bench(queues: [Driver.Queue(isDedicated: false, pasid: 6)])
    bench.port.map(0x1000, pasid: 9)
    let descriptor = Descriptor(0).with { $0.identity = 9 | 1 << 31 }
    #expect(bench.driver.enqueue(descriptor))
    bench.driver.serve()
    #expect(Record(bench.port, pasid: 9).status == 1)
    bench.device.controlsChanged([.busMaster, .pasid])
    #expect(bench.driver.enqueue(descriptor))
    bench.driver.serve()
    #expect(Record(bench.port, pasid: 9).status == 0x1D)
  }

  @Test("a batch's descriptors work with the batch's PASID")
  func batchIdentity() {
    let bench = Bench(queues: [Driver.Queue(isDedicated: false, pasid: 6)])
    bench.port.map(0x1000, pasid: 9)
    bench.port.map(0x3000, pasid: 9)
    let child = Descriptor(0).with {
      $0.identity = 4
      $0.record = 0x1020
    }
    bench.port.put(child.bytes + child.bytes, at: 0x3000, pasid: 9)
    let batch = Descriptor(1, source: 0x3000, count: 2).with { $0.identity = 9 }
    #expect(bench.driver.enqueue(batch))
    bench.driver.serve()
    #expect(Record(bench.port, pasid: 9).status == 1)
    #expect(Record(bench.port, at: 0x1020, pasid: 9).status == 1)
  }
}
