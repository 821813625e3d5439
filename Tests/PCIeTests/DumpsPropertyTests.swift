import Testing

@testable import PCIe

@Suite("Text dumps: random damage")
struct DumpsPropertyTests {
  static let small = Array(
    (Dumps.device("00:00.0 one", Dumps.bytes(64)) + "0000:00:1f.3 none\n\n"
      + Dumps.device("1:00:02.0 two\n\tdetail: 00", Dumps.bytes(64, seed: 9))
      + Dumps.device("00:03.0", Dumps.bytes(128, seed: 2))).utf8)

  static let large = Array(
    (Dumps.device("00:00.0 one", Dumps.bytes(4096)) + Dumps.device("00:01.0", Dumps.bytes(256)))
      .utf8)

  @Test("small texts are read as the reference reads them", arguments: 1...40)
  func small(seed: UInt64) { damage(Self.small, seed: seed, times: 50) }

  @Test("large texts are read as the reference reads them", arguments: 1...20)
  func large(seed: UInt64) { damage(Self.large, seed: seed, times: 5) }

  private func damage(_ good: [UInt8], seed: UInt64, times: Int) {
    var generator = DumpsGenerator(state: seed)
    for _ in 0..<times {
      var text = good
      for _ in 0..<Int.random(in: 1...4, using: &generator) { mutate(&text, &generator) }
      let events = Dumps.events(text)
      // Compared outside of the expectation, which would take minutes to show how such arrays differ.
      let agrees = DumpsReference.outcomes(events) == DumpsReference.outcomes(text)
      #expect(agrees, "\(String(decoding: text, as: UTF8.self))")
      let chunks = (0..<4).map { _ in Int.random(in: 1...200, using: &generator) }
      let isSame = Dumps.events(text, chunks: chunks) == events
      #expect(isSame, "\(chunks) \(String(decoding: text, as: UTF8.self))")
    }
  }

  private func mutate(_ text: inout [UInt8], _ generator: inout DumpsGenerator) {
    guard !text.isEmpty else { return }
    let at = Int.random(in: 0..<text.count, using: &generator)
    let characters = Array("0123456789abcdefABCDEFgGxz:.  \t\n\n\r\0\u{7F}é".utf8) + [0xFF]
    let character = characters.randomElement(using: &generator) ?? 0
    switch Int.random(in: 0..<10, using: &generator) {
    case 0...3: text[at] = character
    case 4: text.remove(at: at)
    case 5: text.insert(character, at: at)
    case 6:
      text.removeSubrange(at..<min(text.count, at + Int.random(in: 1...60, using: &generator)))
    case 7: text.removeLast(Int.random(in: 0...min(100, text.count - 1), using: &generator))
    default: mutateLines(&text, &generator)
    }
  }

  private func mutateLines(_ text: inout [UInt8], _ generator: inout DumpsGenerator) {
    var lines = text.split(separator: 10, omittingEmptySubsequences: false).map { Array($0) }
    let a = Int.random(in: 0..<lines.count, using: &generator)
    let b = Int.random(in: 0..<lines.count, using: &generator)
    switch Int.random(in: 0..<5, using: &generator) {
    case 0: lines.swapAt(a, b)
    case 1: lines.insert(lines[a], at: b)
    case 2: lines.remove(at: a)
    case 3: lines[a] += Array(repeating: 0x20, count: Int.random(in: 1...600, using: &generator))
    default: lines[a].append(0x0D)
    }
    text = Array(lines.joined(separator: [10]))
  }
}
