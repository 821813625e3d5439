import DeviceModels
import TestSupport
import Testing

@Suite("Descriptors do what the specification says")
struct OperationTests {
  private func noise(_ count: Int, _ seed: UInt64) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  @Test("no operation completes with success")
  func noOperation() {
    #expect(Bench().run(Descriptor(0)).status == 1)
  }

  @Test(
    "a copy of any length between any offsets arrives",
    arguments: [(0x1_0000, 0x2_0000, 4096), (0x1_0FFF, 0x2_0003, 1), (0x1_0801, 0x2_8FF0, 70_000)])
  func copies(source: UInt64, target: UInt64, count: Int) {
    let bench = Bench()
    let bytes = noise(count, source)
    bench.port.put(bytes, at: source)
    let record = bench.run(.move(source, target, UInt32(count)))
    #expect(record.status == 1 && record.result == 0)
    #expect(record.completed == UInt32(count))
    #expect(bench.port.get(target, count) == bytes)
  }

  @Test("overlapping copies are as if through a third buffer", arguments: [-5000, -8, 8, 5000])
  func overlapping(distance: Int) {
    let bench = Bench()
    let source: UInt64 = 0x1_8000
    let bytes = noise(20_000, 7)
    bench.port.put(bytes, at: source)
    let target = UInt64(Int(source) + distance)
    let record = bench.run(.move(source, target, 20_000))
    #expect(record.status == 1)
    #expect(record.result == (distance > 0 ? 1 : 0))
    #expect(bench.port.get(target, 20_000) == bytes)
  }

  @Test("fill repeats its pattern from the first byte", arguments: [1, 8, 4099, 70_000])
  func fill(count: Int) {
    let bench = Bench()
    let pattern: UInt64 = 0x0807_0605_0403_0201
    let target: UInt64 = 0x1_0003
    let record = bench.run(
      Descriptor(4, source: pattern, target: target, count: UInt32(count)))
    #expect(record.status == 1)
    let expected = (0..<count).map { UInt8($0 % 8 + 1) }
    #expect(bench.port.get(target, count) == expected)
    #expect(bench.port.get(target + UInt64(count), 1) == [0])
  }

  @Test("compare finds the first difference", arguments: [nil, 0, 4095, 66_000])
  func compare(difference: Int?) {
    let bench = Bench()
    let bytes = noise(69_000, 3)
    bench.port.put(bytes, at: 0x1_0000)
    var other = bytes
    if let difference { other[difference] ^= 1 }
    bench.port.put(other, at: 0x2_8000)
    let record = bench.run(
      Descriptor(5, source: 0x1_0000, target: 0x2_8000, count: 69_000))
    #expect(record.status == 1)
    #expect(record.result == (difference == nil ? 0 : 1))
    #expect(record.completed == UInt32(difference ?? 69_000))
  }

  @Test("a result that was not expected is told, when asked for", arguments: [0, 1] as [UInt64])
  func expectation(expected: UInt64) {
    let bench = Bench()
    let equal = Descriptor(6, source: 0x1_0000, target: 0, count: 64).with {
      $0.flags |= 1 << 7
      $0.extra.0 = expected
    }
    #expect(bench.run(equal).status == (expected == 0 ? 1 : 2))
  }

  @Test("dualcast writes both, and only addresses that agree in their low bits")
  func dualcast() {
    let bench = Bench()
    let bytes = noise(5000, 11)
    bench.port.put(bytes, at: 0x1_0000)
    var descriptor = Descriptor(9, source: 0x1_0000, target: 0x1_8010, count: 5000)
    descriptor.extra.0 = 0x2_0010
    #expect(bench.run(descriptor).status == 1)
    #expect(bench.port.get(0x1_8010, 5000) == bytes)
    #expect(bench.port.get(0x2_0010, 5000) == bytes)
    descriptor.extra.0 = 0x2_0018
    #expect(bench.run(descriptor).status == 0x17)
  }

  @Test("CRC-32C of its check word, in one go and chained by seed")
  func checksum() {
    let bench = Bench()
    bench.port.put(Array("123456789".utf8), at: 0x1_0000)
    let whole = Descriptor(0x10, source: 0x1_0000, count: 9)
    // The check value of CRC-32C (RFC 3720, appendix B.4; CRC catalogue).
    #expect(bench.run(whole).extra == 0xE306_9283)
    let first = bench.run(Descriptor(0x10, source: 0x1_0000, count: 4)).extra
    let second = Descriptor(0x11, source: 0x1_0004, target: 0x2_0000, count: 5).with {
      $0.extra.0 = first
    }
    #expect(bench.run(second).extra == 0xE306_9283)
    #expect(bench.port.get(0x2_0000, 5) == Array("56789".utf8))
    bench.port.put(
      (0..<4).map { UInt8(truncatingIfNeeded: first >> (8 * UInt64($0))) }, at: 0x3_0000)
    let bySeedAddress = Descriptor(0x10, source: 0x1_0004, count: 5).with {
      $0.flags |= 1 << 16
      $0.extra.1 = 0x3_0000
    }
    #expect(bench.run(bySeedAddress).extra == 0xE306_9283)
  }

  @Test(
    "a delta record applied to the first buffer makes the second", arguments: 0..<8 as Range<UInt64>
  )
  func delta(seed: UInt64) {
    let bench = Bench()
    var random = SplitMix64(seed: seed)
    let count = 8 * Int.random(in: 1...5000, using: &random)
    let old = noise(count, seed)
    var new = old
    for _ in 0..<Int.random(in: 0...40, using: &random) {
      new[Int.random(in: 0..<count, using: &random)] ^= 0x55
    }
    bench.port.put(old, at: 0x1_0000)
    bench.port.put(new, at: 0x2_0000)
    let create = Descriptor(7, source: 0x1_0000, target: 0x2_0000, count: UInt32(count)).with {
      $0.extra = (0x3_0000, 800, 0)
    }
    let made = bench.run(create)
    #expect(made.status == 1)
    let words = stride(from: 0, to: count, by: 8).count { old[$0..<$0 + 8] != new[$0..<$0 + 8] }
    #expect(made.extra == UInt64(10 * words))
    #expect(made.result == (words == 0 ? 0 : 1))
    guard words > 0 else { return }
    let apply = Descriptor(8, source: 0x3_0000, target: 0x1_0000, count: UInt32(count)).with {
      $0.extra.0 = made.extra
    }
    #expect(bench.run(apply).status == 1)
    #expect(bench.port.get(0x1_0000, count) == new)
  }

  @Test("a delta record that does not fit says so")
  func deltaOverflow() {
    let bench = Bench()
    bench.port.put(noise(4096, 1), at: 0x1_0000)
    let create = Descriptor(7, source: 0x1_0000, target: 0x2_0000, count: 4096).with {
      $0.extra = (0x3_0000, 80, 0)
    }
    let record = bench.run(create)
    #expect(record.status == 1 && record.result == 2 && record.extra == 80)
    #expect(record.completed == 64)
  }

  @Test("what cannot be is refused with its code")
  func refusals() {
    let move = Descriptor.move(0x1_0000, 0x2_0000, 64)
    let cases: [(UInt8, Descriptor)] = [
      (0x10, move.with { $0.opcode = 0x7F }),
      (0x10, move.with { $0.opcode = 0x12 }),
      (0x11, move.with { $0.flags |= 1 << 6 }),
      (0x11, move.with { $0.flags |= 1 << 7 }),
      // Blocking is not allowed by this queue.
      (0x11, move.with { $0.flags |= 2 }),
      (0x12, move.with { $0.extra.2 = 1 }),
      (0x12, move.with { $0.identity = 1 << 24 }),
      (0x13, move.with { $0.count = 0 }),
      (0x13, move.with { $0.count = 1 << 31 | 1 }),
      (0x14, Descriptor(1, source: 0x1_0000, count: 1)),
      (0x14, Descriptor(1, source: 0x1_0000, count: 1025)),
      (0x18, Descriptor(1, source: 0x1_0020, count: 2)),
      (
        0x19,
        move.with {
          $0.flags |= 1 << 4
          $0.handle = 9
        }
      ),
      (0x1C, Descriptor(8, source: 0x1_0001, target: 0x2_0000, count: 64).with { $0.extra.0 = 10 }),
      (0x15, Descriptor(8, source: 0x1_0000, target: 0x2_0000, count: 64).with { $0.extra.0 = 11 }),
      (0x16, Descriptor(0x11, source: 0x1_0000, target: 0x1_0001, count: 64)),
    ]
    for (status, descriptor) in cases {
      #expect(Bench().run(descriptor).status == status, "opcode \(descriptor.opcode)")
    }
  }

  @Test("errors without a place for a record go to SWERR, the first one stays")
  func softwareError() {
    let bench = Bench()
    bench.driver.write32(1, 0x88)
    bench.driver.submit(Descriptor(0x7F).with { $0.flags = 0 })
    bench.driver.submit(Descriptor(0).with { $0.record = 0x1010 })
    bench.driver.serve()
    let error = bench.driver.read64(0xC0)
    // Valid, overflow, descriptor and queue valid; unsupported operation 0x7f of queue 0.
    #expect(error & 0xFF_FFFF == 0x10_0F && error >> 32 & 0xFF == 0x7F)
    #expect(bench.driver.read32(0x98) & 1 == 1)
    #expect(bench.port.vectors.contains(0))
    bench.driver.write32(3, 0xC0)
    #expect(bench.driver.read64(0xC0) == 0)
  }

  @Test("a record that cannot be written is told in SWERR", arguments: [0x1008, 0x90_0000])
  func recordFault(address: UInt64) {
    let bench = Bench()
    bench.device.controlsChanged([.busMaster])
    bench.driver.submit(Descriptor(0).with { $0.record = address })
    bench.driver.serve()
    #expect(bench.driver.read64(0xC0) >> 8 & 0xFF == (address == 0x1008 ? 0x1B : 0x1A))
    #expect(bench.driver.read64(0xD0) == address)
  }

  @Test("a completion interrupt goes to the vector that the descriptor names")
  func interrupt() {
    let bench = Bench()
    let descriptor = Descriptor(0).with {
      $0.flags |= 1 << 4
      $0.handle = 1
    }
    #expect(bench.run(descriptor).status == 1)
    #expect(bench.port.vectors == [1])
  }

  @Test("a queue with a PASID needs the vector's permission")
  func permission() {
    let bench = Bench(queues: [Driver.Queue(pasid: 7)])
    bench.port.map(0x1000, pasid: 7)
    let descriptor = Descriptor(0).with {
      $0.flags |= 1 << 4
      $0.handle = 2
    }
    #expect(bench.run(descriptor, pasid: 7).status == 0x19)
    bench.driver.write32(7 << 12 | 1 << 3, 0x200 + 16)
    #expect(bench.run(descriptor, pasid: 7).status == 1)
    #expect(bench.port.vectors == [2])
  }
}
