/// Eight bytes of a row as the 24 characters that `lspci` prints for them, in three words whose
/// lowest byte is the first character.
enum CanonicalBytes {
  /// Whether the 48 characters of a row are sixteen times ` 00`.
  @inline(__always)
  static func areZero(_ a: UInt128, _ b: UInt128, _ c: UInt128) -> Bool {
    (a ^ 0x2030_3020_3030_2030_3020_3030_2030_3020)
      | (b ^ 0x3020_3030_2030_3020_3030_2030_3020_3030)
      | (c ^ 0x3030_2030_3020_3030_2030_3020_3030_2030) == 0
  }

  /// The eight bytes, the first in the lowest byte; `nil` when a character is not as expected.
  @inline(__always)
  static func decode(_ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64? {
    // Every third character is a space, from the first one on.
    let x = nibbles(a, spaces: 0x00FF_0000_FF00_00FF)
    let y = nibbles(b, spaces: 0xFF00_00FF_0000_FF00)
    let z = nibbles(c, spaces: 0x0000_FF00_00FF_0000)
    guard x.wrong | y.wrong | z.wrong == 0 else { return nil }
    // Each character's nibble, above the one of the character after it.
    let p = x.values << 4 | x.values >> 8 | y.values << 56
    let q = y.values << 4 | y.values >> 8
    let r = z.values << 4 | z.values >> 8
    // Upper nibbles are the characters 1, 4 and 7 in `p`, 2 and 5 in `q`, 0, 3 and 6 in `r`.
    let low = (p >> 8) & 0xFF | (p >> 24) & 0xFF00 | (p >> 40) & 0xFF_0000
    let middle = (q << 8) & 0xFF00_0000 | (q >> 8) & 0xFF_0000_0000
    let high = (r << 40) & 0xFF00_0000_0000 | (r << 24) & 0xFF_0000_0000_0000
    return low | middle | high | (r << 8) & 0xFF00_0000_0000_0000
  }

  /// The values of eight characters; `wrong` is zero when each is a digit in lower case, or a space
  /// where `spaces` has ones.
  @inline(__always)
  private static func nibbles(
    _ word: UInt64, spaces: UInt64
  ) -> (values: UInt64, wrong: UInt64) {
    let zeros = 0x3030_3030_3030_3030 & ~spaces | 0x2020_2020_2020_2020 & spaces
    // A letter has bit 6 and a low nibble from 1. No byte exceeds 24, so none carries into the next.
    let values = word & 0x0F0F_0F0F_0F0F_0F0F &+ (word >> 6 & 0x0101_0101_0101_0101) &* 9
    // Written out again the values have to give the same characters. That misses two cases: values
    // past 15, and a space that is another character.
    let wrong = (zeros &+ pastZero(values)) ^ word
    return (values, wrong | values & 0x1010_1010_1010_1010 | (word ^ zeros) & spaces)
  }

  /// How far past the character `0` the digit of each byte's value is.
  @inline(__always)
  static func pastZero<Word: FixedWidthInteger>(_ values: Word) -> Word {
    let ones = Word.max / 0xFF
    return values &+ ((values &+ ones &* 6) >> 4 & ones) &* 0x27
  }
}

extension UInt128 {
  /// The lower 64 bits.
  @inline(__always)
  var lowHalf: UInt64 { UInt64(truncatingIfNeeded: self) }

  /// The upper 64 bits.
  @inline(__always)
  var highHalf: UInt64 { UInt64(truncatingIfNeeded: self >> 64) }
}
