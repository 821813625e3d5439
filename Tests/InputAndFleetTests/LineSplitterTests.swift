import TestSupport
import Testing

@testable import Commands

@Suite("Cutting lines")
struct LineSplitterTests {
  struct Line: Equatable {
    let bytes: [UInt8]
    let isWhole: Bool
    let number: Int
  }

  private func cut(_ text: [UInt8], at places: [Int]) -> [Line] {
    var splitter = LineSplitter()
    var lines: [Line] = []
    func take(_ bytes: Span<UInt8>, _ kind: LineSplitter.Line, _ number: Int) {
      lines.append(Line(bytes: [UInt8](copying: bytes), isWhole: kind == .whole, number: number))
    }
    var start = 0
    for end in places.sorted() + [text.count] {
      splitter.consume(text.span.extracting(start..<end), take)
      start = end
    }
    splitter.finish(take)
    return lines
  }

  /// What lines are, in one expression.
  private func expected(_ text: [UInt8]) -> [Line] {
    var pieces = text.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) }
    if pieces.last?.isEmpty == true { pieces.removeLast() }
    return pieces.enumerated().map { index, piece in
      guard piece.count <= LineSplitter.limit else {
        return Line(bytes: [], isWhole: false, number: index + 1)
      }
      let line = piece.last == 0x0D ? piece.dropLast() : piece[...]
      return Line(bytes: Array(line), isWhole: true, number: index + 1)
    }
  }

  @Test("wherever the chunks end", arguments: 0..<60 as Range<UInt64>)
  func chunks(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let alphabet: [UInt8] = [0x0A, 0x0D, 0x41, 0x42, 0x00, 0x8A, 0x0B, 0x09]
    let text = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
      alphabet.randomElement(using: &generator) ?? 0
    }
    let places = (0..<Int.random(in: 0...20, using: &generator)).map { _ in
      Int.random(in: 0...text.count, using: &generator)
    }
    #expect(cut(text, at: places) == expected(text))
    #expect(cut(text, at: Array(text.indices)) == expected(text))
  }

  @Test("at the limit and above it", arguments: [-1, 0, 1, 2])
  func limit(excess: Int) {
    let long = Array(repeating: UInt8(ascii: "x"), count: LineSplitter.limit + excess)
    for end in [[0x0A], [0x0D, 0x0A], []] as [[UInt8]] {
      let text = [0x61, 0x0A] + long + end + [0x62]
      for places in [[], [1], [70_000], [2, 3, LineSplitter.limit, text.count - 1]] {
        #expect(cut(text, at: places) == expected(text))
      }
    }
  }
}
