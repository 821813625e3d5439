import Testing

@testable import PCIe

@Suite("Text dumps: chunks and long lines")
struct DumpsChunkTests {
  static let text = Array(
    ("junk\n" + Dumps.device("00:00.0 one", Dumps.bytes(64)) + "00:01.0 none\r\n\n"
      + Dumps.device("00:02.0 bad", Dumps.bytes(48))
      + Dumps.device("00:03.0 four", [UInt8](repeating: 0, count: 128))
      .replacing("\n", with: "\r\n") + "0001:00:04.0 five\n"
      + Dumps.rows(Dumps.bytes(256)).joined(separator: "\n")).utf8)

  @Test("two chunks, split anywhere, give the same events")
  func everySplit() {
    let whole = Dumps.events(Self.text)
    #expect(whole.count == 5)
    #expect(whole.devices.count == 3)
    for split in 0...Self.text.count {
      #expect(Dumps.events(Self.text, chunks: [max(split, 1), .max]) == whole, "\(split)")
    }
  }

  @Test("chunks of any one size give the same events", arguments: 1...120)
  func everySize(size: Int) {
    #expect(Dumps.events(Self.text, chunks: [size]) == Dumps.events(Self.text))
  }

  @Test("empty chunks change nothing")
  func empty() {
    var reader = DumpTextReader()
    var events: [DumpEvent] = []
    let nothing: [UInt8] = []
    for byte in Self.text {
      reader.consume([byte].span) { events.append($0) }
      reader.consume(nothing.span) { events.append($0) }
    }
    reader.finish { events.append($0) }
    #expect(events == Dumps.events(Self.text))
  }

  @Test("an endless line keeps a bounded part of itself", arguments: ["x", " ", "0", "\0", "\r"])
  func endless(character: String) {
    var reader = DumpTextReader()
    let chunk = [UInt8](repeating: character.utf8.first ?? 0, count: 10_000)
    for _ in 0..<100 { reader.consume(chunk.span) { Issue.record("\($0)") } }
    #expect(reader.partial.bytes.count == DumpTextReader.lineLimit)
    reader.finish { Issue.record("\($0)") }
    #expect(reader.partial.bytes.isEmpty)
  }

  @Test(
    "lines around the limit mean the same in one chunk and in many",
    arguments: 505...520, ["", "\r", "x"])
  func limit(length: Int, tail: String) {
    let row = Dumps.rows(Dumps.bytes(16))[0]
    let rest = Dumps.rows(Dumps.bytes(64)).dropFirst().joined(separator: "\n")
    let spaces = String(repeating: " ", count: length - row.count - tail.count)
    let texts = [
      // Trailing spaces of a row, a title, a line of spaces within a device.
      "00:00.0\n\(row)\(spaces)\(tail)\n\(rest)\n",
      "00:00.0 \(String(repeating: "é", count: length / 2))\(tail)\n\(row)\n\(rest)\n",
      "00:00.0\n\(row)\n\(String(repeating: " ", count: length - tail.count))\(tail)\n\(rest)\n",
    ].map { Array($0.utf8) }
    for text in texts {
      let events = Dumps.events(text)
      #expect(DumpsReference.outcomes(events) == DumpsReference.outcomes(text))
      for size in [1, 7, 512, 513] { #expect(Dumps.events(text, chunks: [size]) == events) }
      for device in events.devices {
        // An é that the limit cuts through becomes U+FFFD, one byte longer.
        #expect(device.title.utf8.count <= DumpTextReader.lineLimit)
      }
    }
  }
}
