import PCIe

/// What the walk must find in each fixture, by the specification and the fixture's registers.
///
/// Entries read `id@offset+length`, all but the length in hexadecimal; `?` is an unknown length.
struct WalkExpectation {
  var legacy = "10@40+52"
  var extended = ""
  var space = ExtendedSpace.list
  var problems: [String] = []
  /// The list whose links are broken.
  var broken: Set<CapabilityList> = []

  /// By the fixture's name; the two random fixtures are left to the properties.
  static let all: [String: WalkExpectation] = [
    "DSA sample": .init(
      legacy: "10@40+44 11@80+12 01@90+8",
      extended: "01@100+72 18@150+8 17@160+16 02@170+40 23@200+24 0f@220+8 1b@230+8 13@240+16"),
    "empty extended list": .init(space: .empty),
    "placeholder head": .init(extended: "00@100+4 0f@200+8 03@300+12"),
    "placeholder between": .init(extended: "0f@100+8 00@180+4 03@300+12"),
    "lone placeholder": .init(extended: "00@100+4"),
    "not ascending": .init(extended: "01@100+44 03@300+12 0f@200+8 18@400+8"),
    "backward": .init(extended: "18@100+8 0f@ff8+8 03@800+12 0e@200+8 13@110+16"),
    "chain that fills the space": .init(
      extended: row(of: "0b", from: 0x100, count: 15, length: "256", by: 256)),
    "unknown length last": .init(extended: "0f@100+8 7f@200+?"),
    "unknown length in the middle": .init(extended: "0f@100+8 2b@200+? 03@300+12"),
    "VSEC in the last 16 bytes": .init(extended: "18@100+8 0b@ff0+16"),
    "registers in the last 16 bytes": .init(extended: "18@100+8"),
    "stray bytes": .init(extended: "18@100+8 0f@400+8"),
    "479 entries": .init(extended: row(of: "7f00", from: 0x100, count: 479, length: "?")),
    "480 entries": .init(extended: row(of: "7f00", from: 0x100, count: 480, length: "?")),
    "480 entries behind a placeholder": .init(
      extended: "00@100+4 " + row(of: "7f00", from: 0x104, count: 479, length: "?")),
    "481 entries": .init(
      extended: row(of: "7f00", from: 0x100, count: 480, length: "?"),
      problems: [
        "extended list has more than 480 entries; software stops at 0x880"
      ], broken: [.extended]),
    "loop to itself": .init(
      extended: "0f@100+8",
      problems: [
        "extended pointer at 0x100 leads back to 0x100: the list loops"
      ], broken: [.extended]),
    "loop of two": .init(
      extended: "0f@100+8 03@200+12 18@300+8",
      problems: [
        "extended pointer at 0x300 leads back to 0x200: the list loops"
      ], broken: [.extended]),
    "unaligned pointer": .init(
      extended: "0f@100+8 03@200+12",
      problems: [
        "extended pointer at 0x100 is not dword-aligned: 0x202"
      ], broken: [.extended]),
    "unaligned end": .init(
      extended: "0f@100+8",
      problems: [
        "extended pointer at 0x100 is not dword-aligned: 0x3"
      ], broken: [.extended]),
    "pointer below 0x100": .init(
      extended: "0f@100+8 03@200+12",
      problems: [
        "extended pointer at 0x200 names 0x40, outside 0x100-0xfff"
      ], broken: [.extended]),
    "dangling pointer": .init(
      extended: "0f@100+8",
      problems: [
        "extended pointer at 0x100 leads to 0x300, where the header is zero"
      ], broken: [.extended]),
    "pointer to all ones": .init(
      extended: "0f@100+8",
      problems: [
        "extended pointer at 0x100 leads to 0x300, where the header reads all ones"
      ], broken: [.extended]),
    "identity at 0x100 alone": .init(
      extended: "1234@100+?",
      problems: [
        "extended pointer at 0x100 is not dword-aligned: 0x567",
        "extended pointer at 0x100 leads to 0x564, where the header is zero",
      ], broken: [.extended]),
    "overlap": .init(
      extended: "01@100+44 0f@120+8 18@124+8 03@200+12",
      problems: [
        "ATS at 0x120 overlaps AER, which has 0x100-0x12b",
        "LTR at 0x124 overlaps AER, which has 0x100-0x12b",
      ]),
    "length past the end": .init(
      extended: "0f@100+8 0b@f00+? 10@fc4+?",
      problems: [
        "VSEC at 0xf00 has 512 bytes and runs past 0xfff",
        "SR-IOV at 0xfc4 has 64 bytes and runs past 0xfff",
      ]),
    "zero VSEC length": .init(
      extended: "0b@100+? 0f@200+8",
      problems: [
        "extended capability at 0x100 states a length of 0 bytes, less than its header"
      ]),
    "short VSEC and DVSEC lengths": .init(
      extended: "0b@100+? 23@200+? 36@300+? 15@400+?",
      problems: [
        "extended capability at 0x100 states a length of 7 bytes, less than its header",
        "extended capability at 0x200 states a length of 11 bytes, less than its header",
        "extended capability at 0x300 states a length of 4 bytes, less than its header",
      ]),
    "IDE past the end": .init(
      extended: "18@100+8 30@f80+?",
      problems: [
        "IDE at 0xf80 has 232 bytes and runs past 0xfff"
      ]),
    "conventional bridge": .init(legacy: "01@50+8 0d@60+8", space: .absent),
    "CardBus bridge": .init(legacy: "01@a0+8", space: .absent),
    "status bit clear": .init(legacy: "", extended: "0f@100+8"),
    "48 legacy entries": .init(
      legacy: row(of: "04", from: 0x40, count: 48, length: "4"), space: .empty),
    "48 legacy entries and back": .init(
      legacy: row(of: "04", from: 0x40, count: 48, length: "4"), space: .empty,
      problems: [
        "legacy pointer at 0xfd leads back to 0x40: the list loops"
      ], broken: [.legacy]),
    "legacy loop": .init(
      legacy: "01@80+8 03@60+8", extended: "0f@100+8",
      problems: [
        "legacy pointer at 0x61 leads back to 0x80: the list loops"
      ], broken: [.legacy]),
    "legacy unaligned pointer": .init(
      legacy: "01@80+8", space: .empty,
      problems: [
        "legacy pointer at 0x34 is not dword-aligned: 0x81"
      ], broken: [.legacy]),
    "legacy pointer below 0x40": .init(
      space: .empty,
      problems: [
        "legacy pointer at 0x41 names 0x10, outside 0x40-0xff"
      ], broken: [.legacy]),
    "legacy pointer of all ones": .init(
      space: .empty,
      problems: [
        "legacy pointer at 0x41 names 0xff, outside 0x40-0xff"
      ], broken: [.legacy]),
    "legacy dangling pointer": .init(
      space: .empty,
      problems: [
        "legacy pointer at 0x41 leads to 0x90, where the header is zero"
      ], broken: [.legacy]),
    "legacy header of all ones": .init(
      space: .empty,
      problems: [
        "legacy pointer at 0x41 leads to 0x90, where the header reads all ones"
      ], broken: [.legacy]),
    "legacy overlap, bad and long lengths": .init(
      legacy: "10@40+52 05@50+10 09@a0+? 11@f8+?", space: .empty,
      problems: [
        "legacy capability at 0xa0 states a length of 2 bytes, less than its header",
        "MSI-X at 0xf8 has 12 bytes and runs past 0xff",
        "MSI at 0x50 overlaps PCIe, which has 0x40-0x73",
      ]),
    "PCI Express at 0xf4": .init(
      legacy: "10@f4+?", extended: "18@100+8 19@200+?",
      problems: [
        "PCIe at 0xf4 has 52 bytes and runs past 0xff"
      ]),
    "64 bytes": .init(
      legacy: "", space: .notRead(size: 64),
      problems: [
        "legacy pointer at 0x34 names 0x40, but only 64 bytes were read"
      ], broken: [.legacy]),
    "128 bytes": .init(legacy: "10@40+52 14@74+? 12@7c+?", space: .notRead(size: 128)),
    "128 bytes that end within MSI-X": .init(
      legacy: "10@40+52 11@78+12", space: .notRead(size: 128)),
    "256 bytes": .init(space: .notRead(size: 256)),
    "no extended space": .init(space: .absent),
    "all ones": .init(
      legacy: "", space: .absent,
      problems: [
        "the function does not answer: offsets 0x0 and 0x8 read all ones"
      ], broken: [.legacy, .extended]),
    "64 bytes of ones": .init(
      legacy: "", space: .absent,
      problems: [
        "the function does not answer: offsets 0x0 and 0x8 read all ones"
      ], broken: [.legacy, .extended]),
    "all zeros": .init(legacy: "", space: .empty),
    "aliased": .init(
      space: .absent,
      problems: [
        "the extended space repeats the first 256 bytes from 0x100 on: there is none"
      ], broken: [.extended]),
  ]

  /// Many alike, one behind the other.
  private static func row(
    of id: String, from start: Int, count: Int, length: String, by step: Int = 4
  ) -> String {
    (0..<count).map { "\(id)@\(String(start + $0 * step, radix: 16))+\(length)" }
      .joined(separator: " ")
  }
}
