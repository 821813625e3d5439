import Hardware
import Testing

@Suite("Little-endian reads")
struct ByteReadingTests {
  @Test("every offset of every length: the value, or nothing when a byte would lie outside")
  func everyOffset() {
    for count in 0...20 {
      let bytes = (0..<count).map { UInt8($0 * 37 & 0xFF) }
      for offset in -20...count + 20 {
        expect(UInt8.self, at: offset, in: bytes)
        expect(UInt16.self, at: offset, in: bytes)
        expect(UInt32.self, at: offset, in: bytes)
        expect(UInt64.self, at: offset, in: bytes)
        expect(Int32.self, at: offset, in: bytes)
      }
    }
  }

  @Test("spans of every length are the same, and no longer with any byte changed")
  func sameness() {
    for count in 0...140 {
      let bytes = (0..<count).map { UInt8($0 * 37 & 0xFF) }
      var other = bytes
      #expect(areSame(bytes, other))
      for index in 0..<count {
        other[index] ^= 1 << UInt8(index & 7)
        #expect(!areSame(bytes, other))
        other[index] = bytes[index]
      }
      other.append(0)
      #expect(!areSame(bytes, other) && !areSame(other, bytes))
    }
  }

  @Test("offsets at the ends of Int", arguments: [Int.min, .min + 1, -1, .max - 7, .max])
  func extremes(offset: Int) {
    let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    #expect(bytes.span.little(UInt8.self, at: offset) == nil)
    #expect(bytes.span.little(UInt64.self, at: offset) == nil)
  }

  private func areSame(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    one.span.hasSameBytes(as: other.span)
  }

  private func expect<T: FixedWidthInteger & BitwiseCopyable>(
    _ type: T.Type, at offset: Int, in bytes: [UInt8]
  ) {
    let size = T.bitWidth / 8
    var wanted: T?
    if offset >= 0, offset + size <= bytes.count {
      wanted = (0..<size).reduce(0) { $0 | T(truncatingIfNeeded: bytes[offset + $1]) << (8 * $1) }
    }
    #expect(bytes.span.little(type, at: offset) == wanted)
  }
}
