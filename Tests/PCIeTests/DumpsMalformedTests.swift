import Testing

@testable import PCIe

@Suite("Text dumps: malformed text")
struct DumpsMalformedTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// The lines after the device line, which is line 1.
    let lines: [String]
    /// Where the error shows.
    let line: Int
    let problem: DumpTextError.Problem

    init(_ name: String, _ lines: [String], _ line: Int, _ problem: DumpTextError.Problem) {
      (testDescription, self.lines, self.line, self.problem) = (name, lines, line, problem)
    }
  }

  /// Four good rows, of which one is replaced by others.
  static func rows(_ index: Int, _ others: String...) -> [String] {
    var rows = good
    rows.replaceSubrange(index...index, with: others)
    return rows
  }

  static let good = Dumps.rows(Dumps.bytes(64))
  static let zeros = " 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
  static let cases = [
    Case("bad upper digit", rows(1, "10: g0\(zeros)"), 3, .digit(found: 0x67)),
    Case("bad lower digit", rows(2, "20: 00 0z"), 4, .digit(found: 0x7A)),
    Case("one digit", rows(2, "20: 00 0"), 4, .digit(found: nil)),
    Case("one digit between", rows(2, "20: 00 0 00"), 4, .digit(found: 0x20)),
    Case("three digits", rows(2, "20: 000 00"), 4, .separator(found: 0x30)),
    Case("no bytes", rows(1, "10:"), 3, .digit(found: nil)),
    Case("only spaces", rows(1, "10:   "), 3, .digit(found: nil)),
    Case("two spaces", rows(0, "00: 00  00"), 2, .digit(found: 0x20)),
    Case("no space after the colon", rows(1, "10:00 00"), 3, .separator(found: 0x30)),
    Case("no space between", rows(1, "10: 0000"), 3, .separator(found: 0x30)),
    Case("tab between", rows(1, "10: 00\t00"), 3, .separator(found: 0x09)),
    Case("CR between", rows(1, "10: 00\r00"), 3, .separator(found: 0x0D)),
    Case("two CRs at the end", rows(1, "10:\(zeros)\r\r"), 3, .separator(found: 0x0D)),
    Case("text behind", rows(1, "10:\(zeros) |....|"), 3, .tooManyBytes),
    Case("NUL", rows(1, "10: 00 \0" + "0"), 3, .digit(found: 0)),
    Case("not ASCII", rows(1, "10: é0"), 3, .digit(found: 0xC3)),
    Case("17 bytes", rows(3, "30:\(zeros) 00"), 5, .tooManyBytes),
    Case("endless", rows(3, "30:" + String(repeating: " 00", count: 400)), 5, .tooManyBytes),
    Case(
      "endless spaces", rows(3, "30:\(zeros)" + String(repeating: " ", count: 600)), 5, .lineTooLong
    ),
    Case("offset of one digit", rows(0, "0:\(zeros)"), 2, .offsetWidth(1)),
    Case("offset of four digits", rows(1, "0010:\(zeros)"), 3, .offsetWidth(4)),
    Case("bad offset", rows(1, "1f.8:\(zeros)"), 4, .offset(expected: 0x10, found: 0x20)),
    Case("no first row", ["10:\(zeros)"], 2, .offset(expected: 0, found: 0x10)),
    Case(
      "row twice", rows(1, "10:\(zeros)", "10:\(zeros)"), 4, .offset(expected: 0x20, found: 0x10)),
    Case("row missing", rows(1), 3, .offset(expected: 0x10, found: 0x20)),
    Case("backwards", rows(2, "00:\(zeros)"), 4, .offset(expected: 0x20, found: 0)),
    Case("not a multiple of 16", rows(1, "14:\(zeros)"), 3, .offset(expected: 0x10, found: 0x14)),
    Case("address out of range", rows(2, "00:20.0 VGA"), 4, .separator(found: 0x32)),
    Case("short row", rows(1, "10: 00 00 00 00"), 3, .shortRow(4)),
    Case(
      "short row, then all of them", ["00: 00 00 00 00"] + Dumps.rows(Dumps.bytes(4096)), 2,
      .shortRow(4)),
    Case("eight a row", ["00: 00 00 00 00 00 00 00 00", "08: 00"], 2, .shortRow(8)),
    Case("15 at the end", rows(3, String("30:\(zeros)".dropLast(3))), 5, .size(63)),
    Case("one byte", ["00: 86"], 2, .size(1)),
    Case("one row", ["00:\(zeros)", "\tmore"], 2, .size(16)),
    Case("five rows", good + ["40:\(zeros)"], 6, .size(80)),
    Case("4080 bytes", Dumps.rows(Dumps.bytes(4080)), 256, .size(4080)),
    Case("4097 bytes", Dumps.rows(Dumps.bytes(4096)) + ["1000: 00"], 258, .pastEnd),
    Case("two in one", Dumps.rows(Dumps.bytes(4096)) + good, 258, .pastEnd),
  ]

  @Test(
    "one error, and the devices around it come out", arguments: cases, ["\n", "", "\n\nnoise\n"])
  func malformed(_ test: Case, separator: String) {
    let before = Dumps.device("00:01.0 before", Dumps.bytes(64, seed: 5))
    let bad = "00:02.0 bad\n" + test.lines.joined(separator: "\n") + "\n"
    let after = Dumps.device("00:03.0 after", Dumps.bytes(256, seed: 6))
    let events = Dumps.events(before + bad + separator + after + bad)
    let address = PCIAddress(bus: 0, device: 2, function: 0)
    let badLines = test.lines.count + 1
    let second = 6 + badLines + separator.filter { $0 == "\n" }.count + 18
    #expect(
      events.errors == [
        DumpTextError(line: 6 + test.line, address: address, problem: test.problem),
        DumpTextError(line: second + test.line, address: address, problem: test.problem),
      ])
    #expect(events.devices.map(\.title) == ["before", "after"])
    #expect(events.devices.map(\.config.bytes.count) == [64, 256])
    #expect(events.count == 4)
  }

  @Test("rows without a device line are one error")
  func orphans() {
    let rows = Self.good.joined(separator: "\n") + "\n"
    let error = DumpTextError(line: 2, address: nil, problem: .rowWithoutDevice)
    #expect(Dumps.events("text\n" + rows + "\n" + rows) == [.error(error)])
    // A blank line ends a device.
    let text = "00:00.0\n" + rows + "\n" + rows + "\n" + rows + "00:00.1\n" + rows
    let events = Dumps.events(text)
    #expect(events.devices.map(\.line) == [1, 16])
    #expect(events.errors.map(\.line) == [7])
    #expect(events.errors.map(\.problem) == [.rowWithoutDevice])
  }

  @Test("a blank line within a bad device does not make a second error")
  func blankAfterError() {
    let text = "00:00.0\n00: 00\n\n10: 00\n\n20: 00\n"
    #expect(Dumps.events(text).errors.map(\.line) == [2])
  }

  @Test("messages say what was expected and found", arguments: cases)
  func messages(_ test: Case) {
    let error = DumpTextError(line: 17, address: nil, problem: test.problem)
    #expect(error.description.hasPrefix("line 17: expected "))
    #expect(error.description.contains(", found "))
  }

  @Test("a message in full")
  func message() {
    let address = PCIAddress(bus: 0, device: 2, function: 0)
    let error = DumpTextError(line: 3, address: address, problem: .digit(found: 0x67))
    #expect("\(error)" == "line 3: expected a hexadecimal digit, found 'g' (device 0000:00:02.0)")
  }
}
