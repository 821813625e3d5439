import DeviceModels
import PCIe
import Testing

@Suite("Registers and commands")
struct CommandTests {
  @Test("capabilities are those of the options")
  func capabilities() {
    let bench = Bench(queues: nil)
    #expect(bench.driver.read32(0) == 0x100)
    // As Sapphire Rapids has them, without interrupt message storage (bits 30:25).
    #expect(bench.driver.read64(0x10) == 0x815F_0107)
    #expect(bench.driver.read64(0x20) & 0xFFFF_FFFF == 0x0008_0080)
    #expect(bench.driver.read64(0x30) == 0x3_6004 && bench.driver.read64(0x38) == 4)
    #expect(bench.driver.read64(0x60) == 0x0000_0002_0004_0003)
    #expect(bench.device.read(1, at: 0x12, of: 0) == 0x5F)
    #expect(bench.device.read(2, at: 0x12, of: 0) == 0x815F)
    #expect(bench.device.read(8, at: 0, of: 2) == .max)
  }

  @Test("config space has the options' PASID bits, or no capability", arguments: [20, 8, 0])
  func pasidBits(bits: Int) {
    var options = DSAOptions()
    options.pasidBits = bits
    let walk = DSADevice(options).config.walkCapabilities()
    let found = walk.first(0x1B, in: .extended)
    #expect((found == nil) == (bits == 0))
    #expect(walk.first(0x13, in: .extended) != nil)
    if let found {
      #expect(DSADevice(options).config.read16(found.offset + 4) >> 8 & 0x1F == UInt16(bits))
    }
  }

  @Test("each mistake of a queue's configuration has its code")
  func queueMistakes() {
    let cases: [(UInt32, Driver.Queue)] = [
      (0x22, Driver.Queue(size: 0)), (0x23, Driver.Queue(priority: 0)),
      (0x26, Driver.Queue(isDedicated: false)), (0x27, Driver.Queue(batchShift: 11)),
      (0, Driver.Queue()), (0, Driver.Queue(isDedicated: false, pasid: 3)),
    ]
    for (code, queue) in cases {
      let bench = Bench(queues: [queue])
      #expect(bench.driver.read32(0xA8) == code)
    }
    var options = DSAOptions()
    options.maxTransferShift = 20
    options.blocksOnFault = false
    #expect(Bench(options).driver.read32(0xA8) == 0x28)
    #expect(
      Bench(options, queues: [Driver.Queue(blocks: true)]).driver.read32(0xA8) == 0x25)
  }

  @Test("each mistake of the device's configuration has its code")
  func deviceMistakes() {
    let bench = Bench(queues: nil)
    let driver = bench.driver
    #expect(driver.command(1) == 0x12)
    bench.device.controlsChanged(.busMaster)
    driver.configure(0, Driver.Queue(size: 129))
    #expect(driver.command(1) == 0x14)
    driver.configure(0, Driver.Queue(size: 1))
    driver.write32(1, 0x300)
    #expect(driver.command(1) == 0x17)
    driver.write32(1, 0x320)
    driver.write32(1, 0x340)
    driver.write32(2, 0x360)
    #expect(driver.command(1) == 0x15)
    driver.write32(2, 0x340)
    driver.write32(1, 0x360)
    #expect(driver.command(1) == 0x16)
    driver.write32(1 << 8, 0x340)
    driver.write32(2, 0x360)
    #expect(driver.command(1) == 0x18)
    driver.write32(0, 0x340)
    driver.write32(0, 0x360)
    #expect(driver.command(6, 0) == 0x20)
    #expect(driver.command(1) == 0)
    #expect(driver.command(1) == 0x10)
    #expect(driver.command(6, 8) == 0x02)
    #expect(driver.command(7, 1) == 0x32)
    #expect(driver.command(15) == 0x01)
    // Configurations of a device that is on do not change.
    driver.write32(3, 0x300)
    #expect(driver.read32(0x300) == 1)
    #expect(driver.command(2) == 0 && driver.command(2) == 0x31)
  }

  @Test("a command's interrupt comes with its cause")
  func interrupt() {
    let bench = Bench(queues: nil)
    #expect(bench.driver.command(5, interrupt: true) == 0)
    #expect(bench.driver.read32(0x98) == 2)
    #expect(bench.port.vectors == [0])
    bench.driver.write32(2, 0x98)
    #expect(bench.driver.read32(0x98) == 0)
  }

  @Test("a reset of the device forgets its tables, at any time")
  func reset() {
    let bench = Bench()
    bench.driver.submit(.move(0x1_0000, 0x2_0000, 1 << 16))
    #expect(bench.driver.command(5) == 0)
    #expect(bench.driver.read32(0x90) == 0)
    #expect(bench.driver.read32(0x400) == 0 && bench.driver.read32(0x300) == 0)
    #expect(Record(bench.port).status == 0)
    bench.driver.start()
    #expect(bench.run(Descriptor(0)).status == 1)
  }

  @Test("disabling a queue waits for what it took; a reset of it does not", arguments: [7, 10])
  func disable(code: UInt32) {
    let bench = Bench()
    for index in 0..<4 {
      bench.driver.submit(Descriptor(0).with { $0.record = 0x1000 + 32 * UInt64(index) })
    }
    bench.driver.write32(1 | code << 20, 0xA0)
    #expect((bench.driver.read32(0xA8) >> 31 == 1) == (code == 7))
    // Nothing new comes in meanwhile.
    bench.driver.submit(Descriptor(0).with { $0.record = 0x1100 })
    bench.driver.serve()
    #expect(bench.driver.read32(0xA8) == 0)
    let done = (0..<4).count { Record(bench.port, at: 0x1000 + 32 * $0).status == 1 }
    #expect(done == (code == 7 ? 4 : 0))
    #expect(Record(bench.port, at: 0x1100).status == 0)
    #expect(bench.driver.read32(0x418) == 0)
    #expect(bench.driver.read32(0x408) == (code == 7 ? 0x11 : 0))
  }

  @Test("a command while another is at work is an error")
  func active() {
    let bench = Bench()
    bench.driver.submit(Descriptor(0))
    bench.driver.write32(1 | 8 << 20, 0xA0)
    bench.driver.write32(5 << 20, 0xA0)
    #expect(bench.driver.read64(0xC0) >> 8 & 0xFF == 0x52)
    bench.driver.serve()
    #expect(bench.driver.read32(0x90) == 1)
  }

  @Test("a great copy stops within a piece when its queue is aborted")
  func abortGreatCopy() {
    let bench = Bench()
    bench.port.map(0x100_0000, pages: 1024)
    bench.driver.submit(.move(0x100_0000, 0x100_0000, 4 << 20))
    #expect(bench.device.serve())
    bench.driver.write32(1 | 9 << 20, 0xA0)
    #expect(bench.driver.read32(0xA8) == 0)
    bench.driver.serve()
    #expect(bench.port.copied == 1 << 20)
    #expect(Record(bench.port).status == 0)
  }

  @Test("a function reset forgets everything, and what was at work reaches no memory")
  func functionReset() {
    let bench = Bench()
    bench.port.map(0x100_0000, pages: 1024)
    bench.driver.submit(.move(0x100_0000, 0x100_0000, 4 << 20))
    #expect(bench.device.serve())
    bench.port.update { $0.epoch += 1 }
    bench.device.reset()
    bench.driver.serve()
    #expect(bench.driver.read32(0x90) == 0 && bench.driver.read32(0x400) == 0)
    #expect(bench.port.copied == 1 << 20)
    bench.driver.start()
    #expect(bench.run(Descriptor(0)).status == 1)
  }

  @Test("losing bus mastering halts the device until a function reset")
  func busMaster() {
    let bench = Bench()
    bench.driver.write32(2, 0x88)
    bench.device.controlsChanged([])
    // Halt, and a function reset is needed.
    #expect(bench.driver.read32(0x90) == 0b0111)
    #expect(bench.driver.read64(0xC0) >> 8 & 0xFF == 0x51)
    bench.driver.serve()
    #expect(bench.port.vectors == [0] && bench.driver.read32(0x98) & 0x10 != 0)
    bench.device.controlsChanged(.busMaster)
    #expect(bench.driver.command(1) == 3)
    bench.device.reset()
    bench.driver.start()
    #expect(bench.run(Descriptor(0)).status == 1)
  }

  @Test("drain waits for what came to its queue before")
  func drain() {
    let bench = Bench()
    bench.port.map(0x100_0000, pages: 1024)
    bench.driver.submit(.move(0x100_0000, 0x100_0000, 3 << 20).with { $0.record = 0x1020 })
    bench.driver.submit(Descriptor(2).with { $0.record = 0x1040 })
    var order: [Int] = []
    while bench.device.serve() {
      for (index, address) in [0x1020, 0x1040].enumerated() as EnumeratedSequence<[UInt64]>
      where Record(bench.port, at: address).status == 1 && !order.contains(index) {
        order.append(index)
      }
    }
    #expect(order == [0, 1])
  }
}
