/// Portal slots that were written in pieces, until all 64 bytes are there.
///
/// Real portals take whole blocks; a program whose stores reach the model piece by piece gets the
/// same effect.
struct DSAGathering: Sendable {
  /// The most slots that may be incomplete; the oldest gives way.
  private static let limit = 64

  private struct Slot: Sendable {
    let offset: UInt64
    var block = WideBlock()
    /// The bytes that have come, one bit each.
    var bytes: UInt64 = 0
  }

  private var slots: [Slot] = []

  init() {}

  /// Takes a piece of 1, 2, 4 or 8 aligned bytes.
  ///
  /// - Returns: The slot's block when it is complete.
  mutating func add(_ value: UInt64, _ byteCount: Int, at offset: UInt64) -> WideBlock? {
    let start = offset & ~63
    var index = slots.lastIndex { $0.offset == start } ?? -1
    if index < 0 {
      if slots.count == Self.limit { slots.removeFirst() }
      slots.append(Slot(offset: start))
      index = slots.count - 1
    }
    let place = Int(offset & 63)
    let shift = UInt64(8 * (place & 7))
    let mask: UInt64 = byteCount == 8 ? .max : (1 << UInt64(8 * byteCount) - 1) << shift
    let word = slots[index].block.words[place / 8]
    slots[index].block.words[place / 8] = word & ~mask | value << shift & mask
    slots[index].bytes |= (byteCount == 8 ? 0xFF : 1 << UInt64(byteCount) - 1) << UInt64(place)
    guard slots[index].bytes == .max else { return nil }
    return slots.remove(at: index).block
  }
}
