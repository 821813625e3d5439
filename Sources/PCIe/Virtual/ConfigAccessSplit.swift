public import Hardware

extension ConfigByteSet {
  /// Which of an access's bytes are in the set: bit 0 for the lowest one.
  // A call would copy the whole set.
  @inline(__always)
  @inlinable
  func members(of width: AccessWidth, at offset: Int) -> Int {
    var bits = self[word: offset >> 6] >> UInt64(offset & 63)
    // Only from 61 on does an access reach into the next word, and the last word has none.
    if offset & 63 > 60, offset >> 6 < 63 {
      bits |= self[word: offset >> 6 + 1] << UInt64(64 - offset & 63)
    }
    return Int(truncatingIfNeeded: bits) & (1 << width.rawValue - 1)
  }
}

/// The device's part of an access, as the fewest naturally aligned accesses that cover it exactly.
@usableFromInline
struct ConfigAccessSplit: Sequence, IteratorProtocol {
  /// One access to the device.
  @usableFromInline
  struct Part {
    @usableFromInline let offset: Int
    @usableFromInline let width: AccessWidth

    @inlinable
    init(offset: Int, width: AccessWidth) {
      self.offset = offset
      self.width = width
    }
  }

  /// Where the part that is left starts.
  @usableFromInline var offset: Int
  /// The bytes that are left, bit 0 for the one at `offset`.
  @usableFromInline var bytes: Int
  /// Ones in place of the bytes of the access that lie behind the end of config space.
  @usableFromInline let outside: UInt32

  /// Splits an access.
  @inlinable
  init(_ width: AccessWidth, at offset: Int, without emulated: Int) {
    let inside = Swift.min(width.rawValue, ConfigSpace.extendedSize - offset)
    self.offset = offset
    bytes = (1 << inside - 1) & ~emulated
    outside = width.mask & ~(UInt32.max >> UInt32(32 - 8 * inside))
  }

  /// The next part, from the lowest offset up.
  @inlinable
  mutating func next() -> Part? {
    guard bytes != 0 else { return nil }
    let gap = bytes.trailingZeroBitCount
    offset += gap
    bytes >>= gap
    // Aligned blocks nest, so the widest that fits leaves the fewest for the rest.
    let width: AccessWidth =
      if offset & 3 == 0, bytes & 15 == 15 { .dword } else if offset & 1 == 0, bytes & 3 == 3 {
        .word
      } else { .byte }
    defer {
      offset += width.rawValue
      bytes >>= width.rawValue
    }
    return Part(offset: offset, width: width)
  }
}
