import HostABI
import PCIe
import TestSupport
import Testing

@testable import SoftHost

@Suite("VFIO: whatever a program sends")
struct VFIOHostileTests {
  /// Numbers that stand at an edge, or anywhere.
  private static func number(_ generator: inout SplitMix64) -> UInt64 {
    let edges: [UInt64] = [
      0, 1, 2, 3, 4, 7, 8, 9, 16, 19, 20, 32, 255, 256, 4095, 4096, 0x10000, 0x20000,
      1 << 31, 1 << 32 - 1, 1 << 32, 1 << 40 - 1, 1 << 63, .max - 1, .max,
    ]
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: return edges.randomElement(using: &generator) ?? 0
    case 1: return UInt64.random(in: 0..<64, using: &generator)
    case 2: return UInt64.random(in: 0..<8192, using: &generator)
    default: return generator.next()
    }
  }

  private static func word(_ generator: inout SplitMix64) -> UInt32 {
    UInt32(truncatingIfNeeded: number(&generator))
  }

  private static func offset(_ generator: inout SplitMix64) -> UInt64 {
    let region = UInt64.random(in: 0..<10, using: &generator)
    return Bool.random(using: &generator)
      ? region << 40 | number(&generator) & (1 << 40 - 1) : number(&generator)
  }

  private static func bytes(_ generator: inout SplitMix64) -> [UInt8] {
    let count = Int.random(in: 0..<40, using: &generator)
    let fill: UInt8? = [nil, 0, 0xFF].randomElement(using: &generator) ?? nil
    return (0..<count).map { _ in fill ?? UInt8(truncatingIfNeeded: generator.next()) }
  }

  private static func step(
    _ function: inout VFIOFunction, _ files: Descriptors, _ generator: inout SplitMix64
  ) throws {
    let header = SetIRQsHeader {
      $0.argumentSize = word(&generator)
      $0.flags = UInt32.random(in: 0..<0x42, using: &generator)
      $0.index = UInt32.random(in: 0..<6, using: &generator)
      $0.start = word(&generator)
      $0.count = word(&generator)
    }
    switch Int.random(in: 0..<20, using: &generator) {
    case 0...3:
      let count = Int(truncatingIfNeeded: number(&generator))
      let wanted = min(count, 5000)
      #expect(try function.read(at: offset(&generator), count: wanted).count <= max(wanted, 0))
    case 4...8:
      let data = bytes(&generator)
      #expect(try function.write(data, at: offset(&generator)) <= data.count)
    case 9:
      let place = UInt64.random(in: 0..<4096, using: &generator)
      _ = try function.write(bytes(&generator), at: at(7, place))
    case 10:
      let needed = try function.irqDataByteCount(header)
      _ = try function.setIRQs(
        header, data: (0..<needed).map { _ in UInt8(truncatingIfNeeded: generator.next()) & 0x87 },
        resolve: files.resolve)
    case 11: _ = try function.setIRQs(header, data: bytes(&generator), resolve: files.resolve)
    case 12:
      _ = try function.setIRQs(
        UInt32.random(in: 0..<5, using: &generator), flags: 0x24,
        start: UInt32.random(in: 0..<4, using: &generator),
        count: 2, data: descriptors(100, 101), files)
    case 13:
      let feature = FeatureHeader {
        $0.argumentSize = word(&generator)
        $0.flags =
          UInt32.random(in: 0..<14, using: &generator)
          | UInt32.random(in: 0..<16, using: &generator) << 16
      }
      try function.setFeature(feature, data: bytes(&generator), resolve: files.resolve)
    case 14:
      let argument = IOEventFDArgument {
        $0.flags = UInt32.random(in: 0..<17, using: &generator)
        $0.offset = offset(&generator)
        $0.descriptor = Int32.random(in: -2..<102, using: &generator)
      }
      try function.setIOEvent(argument, resolve: files.resolve)
    case 15:
      _ = try function.regionInfo(word(&generator), size: word(&generator))
      _ = try function.information(DeviceInfoArgument { $0.argumentSize = word(&generator) })
      _ = try function.irqInformation(IRQInfoArgument { $0.index = word(&generator) })
    case 16:
      _ = try function.checkMapping(
        at: offset(&generator), byteCount: number(&generator), isShared: true)
    case 17:
      let vector = Int(truncatingIfNeeded: number(&generator))
      _ = function.fire(vector: vector)
      function.setLine(Bool.random(using: &generator))
      function.signalled(files[Int32.random(in: 100..<102, using: &generator)])
      _ = function.load(
        bar: Int(truncatingIfNeeded: number(&generator)), at: number(&generator),
        Int(truncatingIfNeeded: number(&generator)))
      _ = function.store(
        generator.next(), bar: Int.random(in: 0..<6, using: &generator), at: number(&generator), 8)
    case 18 where Int.random(in: 0..<50, using: &generator) == 0:
      function.close()
      try function.open()
    default:
      try function.reset()
    }
  }

  /// One description for each seed: samples, built devices, and registers that mean nothing.
  private static func description(_ seed: UInt64) throws -> FunctionDescription {
    switch seed {
    case 0: return try .dataStreamingAccelerator()
    case 1: return try .networkFunction()
    case 2: return try #require(try .virtualFunction(of: .networkFunction()))
    default:
      var generator = SplitMix64(seed: seed)
      let config = Fixtures.mutated(Fixtures.randomRegisters(seed: seed), using: &generator)
      return try (try? FunctionDescription(dumped: config)) ?? .dataStreamingAccelerator()
    }
  }

  @Test("a hundred thousand random requests trap nowhere", arguments: UInt64(0)..<20)
  func requests(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    var function = try Functions.opened(Self.description(seed))
    let files = Descriptors()
    let identity = try function.config(0)
    var answered = 0
    for _ in 0..<5000 {
      if errno({ try Self.step(&function, files, &generator) }) == nil { answered += 1 }
    }
    // It still answers, and is still the same function.
    #expect(try function.config(0) == identity)
    #expect(answered > 100)
  }

  @Test("any bytes are a function or a typed refusal", arguments: UInt64(0)..<300)
  func descriptions(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let config =
      seed % 3 == 0
      ? Fixtures.random(seed: seed)
      : Fixtures.mutated(
        (Fixtures.all.randomElement(using: &generator)?.config)
          ?? Fixtures.random(seed: seed), using: &generator)
    guard let description = try? FunctionDescription(dumped: config) else { return }
    var function = try Functions.opened(description)
    let size = function.registers.count
    let bytes = try function.read(at: at(7), count: size)
    #expect(try function.write(bytes, at: at(7)) == size)
    #expect(try function.write([UInt8](repeating: 0xFF, count: size), at: at(7)) == size)
    // Whatever was written, the lists lead through the same entries.
    let before = try ConfigSpace(bytes).walkCapabilities()
    guard before.isIntact else { return }
    let after = try ConfigSpace(function.read(at: at(7), count: size)).walkCapabilities()
    #expect(after.extended.map(\.offset) == before.extended.map(\.offset))
    #expect(after.legacy.map(\.offset) == before.legacy.map(\.offset))
  }
}
