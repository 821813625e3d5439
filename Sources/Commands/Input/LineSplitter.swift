import Hardware

/// Cuts a stream of bytes into lines, without copying lines that lie within one chunk.
public struct LineSplitter {
  /// The longest line that is taken, in bytes; a longer one is reported and dropped.
  public static let limit = 1 << 20

  /// What a line is.
  public enum Line {
    /// A line without its line end.
    case whole
    /// A line longer than the limit; its bytes are not kept.
    case tooLong
  }

  private var carried: [UInt8] = []
  private var isTooLong = false
  private var number = 0

  /// Starts before the first line.
  public init() {}

  /// Cuts the next bytes.
  ///
  /// - Parameters:
  ///   - chunk: Bytes that follow those of the last call.
  ///   - body: Called for each line that ends in them, with the line's number from 1.
  public mutating func consume(_ chunk: Span<UInt8>, _ body: (Span<UInt8>, Line, Int) -> Void) {
    var start = 0
    while let end = chunk.firstIndex(of: UInt8(ascii: "\n"), from: start) {
      let piece = chunk.extracting(start..<end)
      number += 1
      if carried.isEmpty, !isTooLong, piece.count <= Self.limit {
        body(piece.withoutCarriageReturn, .whole, number)
      } else {
        carry(piece)
        deliver(body)
      }
      start = end + 1
    }
    if start < chunk.count { carry(chunk.extracting(start..<chunk.count)) }
  }

  /// Delivers the last line when the stream does not end with a line end.
  ///
  /// - Parameter body: Called as by ``consume(_:_:)``.
  public mutating func finish(_ body: (Span<UInt8>, Line, Int) -> Void) {
    guard !carried.isEmpty || isTooLong else { return }
    number += 1
    deliver(body)
  }

  private mutating func carry(_ piece: Span<UInt8>) {
    guard !isTooLong, carried.count + piece.count <= Self.limit else {
      isTooLong = true
      carried.removeAll()
      return
    }
    for index in piece.indices { carried.append(piece[index]) }
  }

  private mutating func deliver(_ body: (Span<UInt8>, Line, Int) -> Void) {
    body(carried.span.withoutCarriageReturn, isTooLong ? .tooLong : .whole, number)
    carried.removeAll(keepingCapacity: true)
    isTooLong = false
  }
}

extension Span where Element == UInt8 {
  /// The first index at or behind `start` that holds `byte`.
  func firstIndex(of byte: UInt8, from start: Int) -> Int? {
    // Eight at a time: a byte of the word equals `byte` where the difference borrows into its top bit.
    let ones: UInt64 = 0x0101_0101_0101_0101
    let pattern = ones &* UInt64(byte)
    var index = start
    while let word = little(UInt64.self, at: index) {
      let difference = word ^ pattern
      let found = (difference &- ones) & ~difference & (ones &* 0x80)
      if found != 0 { return index + found.trailingZeroBitCount / 8 }
      index += 8
    }
    while index < count {
      if self[index] == byte { return index }
      index += 1
    }
    return nil
  }

  /// The bytes without a carriage return at the end.
  fileprivate var withoutCarriageReturn: Span<UInt8> {
    @_lifetime(copy self)
    get { count > 0 && self[count - 1] == UInt8(ascii: "\r") ? extracting(0..<count - 1) : self }
  }
}
