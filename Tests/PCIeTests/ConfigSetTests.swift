import Hardware
import PCIe
import TestSupport
import Testing

@Suite("Sets of bytes and dwords")
struct ConfigSetTests {
  @Test("bytes that are not zero, whatever the values", arguments: 1...20 as ClosedRange<UInt64>)
  func nonZero(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    for size in ConfigSpace.sizes {
      var builder = ConfigSpaceBuilder(size: size)
      // The values at which the arithmetic on eight bytes at once could carry.
      for offset in 0..<size where Bool.random(using: &generator) {
        let value = ([0, 1, 0x7F, 0x80, 0x81, 0xFF] as [UInt8]).randomElement(using: &generator)
        builder.put8(value ?? 0, at: offset)
      }
      let config = builder.config
      let wanted = config.bytes.indices.filter { config.bytes[$0] != 0 }
      #expect(Array(config.nonZeroBytes.runs.joined()) == wanted)
    }
  }

  @Test("the dwords of single bytes, of ranges and of random sets")
  func dwords() {
    for byte in 0..<4096 {
      var set = ConfigByteSet()
      set.insert(byte)
      #expect(set.dwords.runs == [byte / 4...byte / 4])
    }
    var generator = SplitMix64(seed: 9)
    for _ in 0..<200 {
      var set = ConfigByteSet()
      for word in 0..<64 where Bool.random(using: &generator) {
        set[word: word] = generator.next() & generator.next() & generator.next()
      }
      #expect(Set(set.dwords.runs.joined()) == Set(set.runs.joined().map { $0 / 4 }))
    }
    #expect(ConfigByteSet().dwords.isEmpty)
  }
}
