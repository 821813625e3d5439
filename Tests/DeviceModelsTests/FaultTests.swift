import DeviceModels
import Hardware
import Testing

@Suite("Page faults")
struct FaultTests {
  private static let missing: UInt64 = 0x80_0000

  /// A queue that may block, and memory whose second page of three is missing.
  private func bench(blocks: Bool = true) -> Bench {
    let bench = Bench(queues: [Driver.Queue(blocks: blocks)])
    bench.port.map(Self.missing)
    bench.port.map(Self.missing + 0x2000)
    bench.port.put([1, 2, 3, 4], at: Self.missing + 0xFFC)
    return bench
  }

  @Test("without blocking, the finished prefix and the page are told", arguments: [false, true])
  func partial(isWrite: Bool) {
    let bench = bench(blocks: false)
    let source = isWrite ? 0x1_0000 : Self.missing
    let target = isWrite ? Self.missing : 0x2_0000
    let record = bench.run(.move(source, target, 0x1800))
    #expect(record.status == (isWrite ? 0x83 : 0x03))
    #expect(record.completed == 0x1000)
    #expect(record.faultAddress == Self.missing + 0x1000)
  }

  @Test("every operation tells how far it came", arguments: [4, 5, 6, 9, 0x10, 0x11] as [UInt8])
  func operations(opcode: UInt8) {
    let bench = bench(blocks: false)
    let readsMissing = opcode != 4
    var descriptor = Descriptor(
      opcode, source: readsMissing ? Self.missing : 0,
      target: readsMissing ? 0x2_0000 : Self.missing, count: 0x1800)
    if opcode == 4 || opcode == 6 || opcode == 0x10 {
      bench.port.put([0, 0, 0, 0], at: Self.missing + 0xFFC)
    }
    if opcode == 6 || opcode == 0x10 { descriptor.target = 0 }
    if opcode == 5 { bench.port.put([1, 2, 3, 4], at: 0x2_0FFC) }
    if opcode == 9 { descriptor.extra.0 = 0x2_4000 }
    let record = bench.run(descriptor)
    #expect(record.status == (opcode == 4 ? 0x83 : 0x03))
    #expect(record.completed == 0x1000)
    #expect(record.faultAddress == Self.missing + 0x1000)
  }

  @Test("a blocked descriptor asks for its page, and goes on when it came")
  func answered() throws {
    let bench = bench()
    let descriptor = Descriptor.move(Self.missing, 0x2_0000, 0x1800).with { $0.flags |= 2 }
    bench.driver.submit(descriptor)
    bench.driver.serve()
    let request = try #require(bench.port.requests.first)
    #expect(request.address == IOVA(Self.missing + 0x1000) && request.access == .read)
    #expect(Record(bench.port).status == 0)
    // Registers answer meanwhile, and other descriptors are done.
    #expect(bench.driver.read32(0x90) == 1)
    #expect(bench.run(Descriptor(0).with { $0.record = 0x1020 }).status == 1)
    bench.port.map(Self.missing + 0x1000)
    bench.device.respond(PageResponse(group: request.group, .success))
    bench.driver.serve()
    let record = Record(bench.port)
    #expect(record.status == 1 && record.completed == 0x1800)
    #expect(bench.port.get(0x2_0FFC, 4) == [1, 2, 3, 4])
  }

  @Test("a page that will not come ends the descriptor", arguments: [true, false])
  func refused(isInvalid: Bool) throws {
    let bench = bench()
    bench.driver.submit(.move(0x1_0000, Self.missing, 0x1800).with { $0.flags |= 2 })
    bench.driver.serve()
    let request = try #require(bench.port.requests.first)
    #expect(request.access == .write)
    bench.device.respond(PageResponse(group: request.group, isInvalid ? .invalid : .failure))
    bench.driver.serve()
    let record = Record(bench.port)
    #expect(record.status == (isInvalid ? 0x84 : 0xA2))
    #expect(record.completed == 0x1000 && record.faultAddress == Self.missing + 0x1000)
  }

  @Test("without page requests, a descriptor that may block does not", arguments: [false, true])
  func noRequests(byPort: Bool) {
    let bench = bench()
    if byPort {
      bench.port.update { $0.takesPageRequests = false }
    } else {
      bench.device.controlsChanged([.busMaster, .ats])
    }
    let record = bench.run(.move(Self.missing, 0x2_0000, 0x1800).with { $0.flags |= 2 })
    #expect(record.status == (byPort ? 0x22 : 0x03))
    #expect(bench.port.requests.isEmpty)
  }

  @Test("a record waits for its page")
  func recordPage() throws {
    let bench = Bench()
    bench.driver.submit(Descriptor(0).with { $0.record = 0x5000 })
    bench.driver.serve()
    let request = try #require(bench.port.requests.first)
    #expect(request.address == IOVA(0x5000) && request.access == .write)
    bench.port.map(0x5000)
    bench.device.respond(PageResponse(group: request.group, .success))
    bench.driver.serve()
    #expect(Record(bench.port, at: 0x5000).status == 1)
  }

  @Test("answers that nobody waits for are ignored, late ones too")
  func late() throws {
    let bench = bench()
    bench.driver.submit(.move(Self.missing, 0x2_0000, 0x1800).with { $0.flags |= 2 })
    bench.driver.serve()
    let request = try #require(bench.port.requests.first)
    #expect(bench.driver.command(9, 1) == 0)
    bench.device.respond(PageResponse(group: request.group, .success))
    bench.device.respond(PageResponse(group: 511, .invalid))
    bench.driver.serve()
    #expect(Record(bench.port).status == 0)
    #expect(bench.run(Descriptor(0)).status == 1)
  }
}
