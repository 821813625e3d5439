import PCIe
import TestSupport
import Testing

@Suite("Config space bytes")
struct ConfigSpaceTests {
  @Test("sizes that a read can have, and no others")
  func sizes() throws {
    for count in [64, 128, 256, 4096] {
      #expect(try ConfigSpace(Array(repeating: 0, count: count)).size == count)
    }
    for count in [0, 1, 63, 65, 127, 192, 255, 257, 512, 4092, 4095, 4097, 8192] {
      let error = #expect(throws: ConfigSpaceError.self) {
        try ConfigSpace(Array(repeating: 0, count: count))
      }
      #expect(error == .size(count))
      #expect(
        error?.description
          == "\(count) bytes cannot be a config space: expected 64, 128, 256 or 4096")
    }
  }

  @Test("reads at every offset; all ones where a byte lies outside", arguments: ConfigSpace.sizes)
  func reads(size: Int) {
    var builder = ConfigSpaceBuilder(size: size)
    for offset in 0..<size { builder.put8(UInt8(truncatingIfNeeded: offset &* 7), at: offset) }
    let config = builder.config
    func byte(_ offset: Int) -> UInt32 { UInt32(offset &* 7 & 0xFF) }
    for offset in -8...size + 8 {
      let isByte = (0..<size).contains(offset)
      #expect(config.read8(offset) == (isByte ? UInt8(byte(offset)) : .max))
      let isWord = offset >= 0 && offset + 2 <= size
      let word = byte(offset) | byte(offset + 1) << 8
      #expect(config.read16(offset) == (isWord ? UInt16(word) : .max))
      let isDword = offset >= 0 && offset + 4 <= size
      let dword = word | byte(offset + 2) << 16 | byte(offset + 3) << 24
      #expect(config.read32(offset) == (isDword ? dword : .max))
    }
    for offset in [Int.min, .max, .max - 3] {
      #expect(config.read8(offset) == .max && config.read16(offset) == .max)
      #expect(config.read32(offset) == .max)
    }
  }

  @Test("who a function says it is")
  func identity() {
    let sample = SampleDevice.sapphireRapidsDSA
    #expect(sample.vendorID == 0x8086 && sample.deviceID == 0x0B25 && sample.revision == 0)
    #expect(sample.classCode == 0x088000 && sample.headerType == 0 && !sample.isAbsent)
    #expect(sample.headerSubsystem == 0x8086_0000)
    let cardBus = Fixtures.named("CardBus bridge")
    #expect(cardBus.headerType == 2 && cardBus.headerSubsystem == 0x1234_9ABC)
    #expect(cardBus.classCode == 0x060700 && cardBus.revision == 1)
    #expect(Fixtures.named("conventional bridge").headerSubsystem == 0)
    #expect(Fixtures.named("64 bytes of ones").isAbsent)
    var many = ConfigSpaceBuilder(size: 64)
    many.put8(0x80, at: 0x0E)
    #expect(many.config.headerType == 0, "the multi-function bit is none of the type")
  }

  @Test("patches outside the space are ignored, all others applied")
  func applying() throws {
    let config = Fixtures.named("empty extended list")
    let new = InsertionCheck.capability(length: 8)
    let patches = try LayoutMap(of: config).inserting(new, at: 0xFF8, in: config).patches
    #expect(config.applying([]) == config)
    #expect(config.applying(patches).read32(0xFF8) == 0x0001_001B)
    // The same patches mean nothing to a partial read.
    let partial = Fixtures.named("256 bytes")
    #expect(partial.applying(patches) == partial)
  }
}
