import Hardware
import Testing

@Suite("Numbers as users type and read them")
struct NumberTests {
  @Test(
    "typed numbers",
    arguments: [
      ("0", 0), ("7", 7), ("4095", 4095), ("0x0", 0), ("0xff8", 0xFF8), ("0XFF8", 0xFF8),
      ("0xAbC", 0xABC), ("007", 7), ("0x00ff", 0xFF), ("9223372036854775807", Int.max),
      ("0x7fffffffffffffff", Int.max),
    ])
  func reads(text: String, value: Int) {
    #expect(parseNumber(text) == value)
    // A part of a longer text reads the same.
    #expect(parseNumber("<\(text)>".dropFirst().dropLast()) == value)
  }

  @Test(
    "anything else is no number",
    arguments: [
      "", "0x", "0X", "x", "ff8", "0xg", "+5", "-5", "0x+5", "0x-5", " 5", "5 ", "0x 5", "1_000",
      "1.0", "1e3", "0b1", "0o7", "٣", "９", "0x９", "5\n", "5\0", "9223372036854775808",
      "0x8000000000000000", "0xffffffffffffffffffff", "0x0x5", "é", "–5",
    ])
  func refuses(text: String) {
    #expect(parseNumber(text) == nil)
  }

  @Test(
    "a source ID is a place as lspci prints it",
    arguments: [(0, "00:00.0"), (0x40, "00:08.0"), (0x0A09, "0a:01.1"), (0xFFFF, "ff:1f.7")])
  func places(sourceID: UInt16, place: String) {
    #expect(RequesterID(sourceID: sourceID).place == place)
    #expect(RequesterID(segment: 1, sourceID: sourceID).sourceID == sourceID)
  }

  @Test("every offset of a config space goes there and back")
  func roundTrip() {
    for value in 0...0xFFF {
      #expect(parseNumber(value.hex) == value)
      #expect(parseNumber("\(value)") == value)
      #expect(value.hex(digits: 3).count == 3 && Int(value.hex(digits: 3), radix: 16) == value)
    }
    #expect(0xFF8.hex == "0xff8" && 0x0A.hex(digits: 4) == "000a")
    #expect(0x12345.hex(digits: 4) == "12345" && 0.hex(digits: 0) == "0")
  }
}
