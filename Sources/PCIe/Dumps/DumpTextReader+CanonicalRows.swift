import Hardware

// Rows exactly as `lspci` prints them: nearly all of a dump, and nearly all of its zeros. They are
// checked and decoded eight characters at a time, and whatever is not exactly so is left to
// ``DumpRow``.
extension DumpTextReader {
  /// Reads full rows at `start` as long as each is the next one of the device at hand.
  ///
  /// - Returns: Where the first line starts that is anything else.
  mutating func readCanonicalRows(in text: Span<UInt8>, from start: Int) -> Int {
    guard device.filled.isMultiple(of: 16) else { return start }
    var at = start
    var offset = device.filled
    var block = device.block.mutableSpan
    // Without room yet the first row takes the strict path, which makes some.
    while offset < block.count, let prefix = text.little(UInt32.self, at: at) {
      let isWide = offset >= 0x100
      guard prefix == (isWide ? Self.widePrefix(offset) : Self.narrowPrefix(offset)) else { break }
      let row = at &+ (isWide ? 4 : 3)
      guard let end = text.at(row &+ 48), end == UInt8(ascii: "\n"),
        let ab = text.little(UInt128.self, at: row),
        let cd = text.little(UInt128.self, at: row &+ 16),
        let ef = text.little(UInt128.self, at: row &+ 32)
      else { break }
      let low: UInt64
      let high: UInt64
      if CanonicalBytes.areZero(ab, cd, ef) {
        (low, high) = (0, 0)
      } else if let first = CanonicalBytes.decode(ab.lowHalf, ab.highHalf, cd.lowHalf),
        let second = CanonicalBytes.decode(cd.highHalf, ef.lowHalf, ef.highHalf)
      {
        (low, high) = (first, second)
      } else {
        break
      }
      block.storeLittle(low, at: offset)
      block.storeLittle(high, at: offset &+ 8)
      offset &+= 16
      at = row &+ 49
    }
    let rows = (offset - device.filled) / 16
    if rows > 0 {
      device.filled = offset
      line += rows
      device.lastRow = line
    }
    return at
  }

  /// The characters `h0: ` of a row below 0x100, the first in the lowest byte.
  private static func narrowPrefix(_ offset: Int) -> UInt32 {
    0x203A_3030 &+ CanonicalBytes.pastZero(UInt32(truncatingIfNeeded: offset >> 4))
  }

  /// The characters `hh0:` of a row from 0x100, the first in the lowest byte.
  private static func widePrefix(_ offset: Int) -> UInt32 {
    let offset = UInt32(truncatingIfNeeded: offset)
    return 0x3A30_3030 &+ CanonicalBytes.pastZero(offset >> 8 | (offset << 4) & 0xF00)
  }
}
