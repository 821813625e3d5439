import Hardware
import PCIe
import TestSupport
import Testing

/// The property to prove: wherever a capability is to go, it is either refused for a reason or the
/// list afterwards is exactly the old one plus the new entry, and no other byte differs.
@Suite("Inserting a capability")
struct InsertionTests {
  @Test("into each fixture, at every dword, of every length", arguments: Fixtures.all)
  func fixtures(_ fixture: Fixture) { sweep(fixture.config, step: 1) }

  @Test("into each real dump, at every dword", arguments: RealDumps.all)
  func dumps(_ dump: RealDump) { sweep(dump.config, step: 9) }

  @Test("into random lists and changed fixtures", arguments: 0..<20 as Range<UInt64>)
  func random(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    for index in 0..<8 as Range<UInt64> {
      var config = Fixtures.randomRegisters(seed: seed * 8 + index)
      if index % 2 == 1 { config = Fixtures.mutated(config, using: &generator) }
      sweep(config, step: 29)
    }
  }

  /// Length 8 everywhere; the other lengths, and the full comparison, at every `step`th dword.
  private func sweep(_ config: ConfigSpace, step: Int) {
    var check = InsertionCheck(config)
    let pasid = InsertionCheck.capability(length: 8)
    let others = [4, 16, 64].map { InsertionCheck.capability(length: $0) }
    for dword in 0..<1024 {
      let thorough = dword % step == 0 || dword == 0x40 || dword > 1020
      check.insert(pasid, at: 4 * dword, thorough: thorough)
      guard thorough else { continue }
      for other in others { check.insert(other, at: 4 * dword, thorough: dword % 7 == 0) }
    }
    for offset in Self.odd { check.insert(pasid, at: offset) }
  }

  /// Offsets that no capability can have.
  private static let odd: [Int] = [
    -4, -1, 0x101, 0x102, 0x103, 0x1FE, 0x7FF, 0xFF9, 0xFFD, 0xFFF, 0x1000, 0x1004, 0x1001,
    .min, .min + 1, .max, .max - 3,
  ]

  @Test("one after the other", arguments: Fixtures.all.map(\.config) + RealDumps.all.map(\.config))
  func twice(_ config: ConfigSpace) {
    var first = InsertionCheck(config)
    let second = InsertionCheck.capability(length: 16)
    for offset in [0x100, 0x104, 0x3F0, 0x800, 0xFF8] {
      guard let insertion = first.insert(InsertionCheck.capability(length: 8), at: offset) else {
        continue
      }
      var next = InsertionCheck(config.applying(insertion.patches))
      for place in stride(from: 0xF0, through: 0xFFC, by: 4 * 13) {
        next.insert(second, at: place, thorough: true)
      }
      #expect(next.insert(second, at: offset) == nil, "two in one place")
    }
  }

  @Test("the property says something: most places of most devices accept")
  func accepts() {
    var check = InsertionCheck(SampleDevice.sapphireRapidsDSA)
    for dword in 0..<1024 {
      check.insert(InsertionCheck.capability(length: 8), at: 4 * dword)
    }
    // 960 dwords, less the 192 bytes that are taken and the dword before each taken run: those at
    // 150, 160, 200, 220, 230, 240, and the end.
    #expect(check.accepted == 960 - 192 / 4 - 7)
  }

  @Test("what is written, in plain numbers")
  func plain() throws {
    let new = PASIDCapability(width: 20, privileged: true).extendedCapability
    func patches(_ name: String, _ offset: Int) throws -> [String] {
      let config = Fixtures.named(name)
      return try LayoutMap(of: config).inserting(new, at: offset, in: config).patches.map {
        "\($0.offset.hex(digits: 3))=\($0.value.hex(digits: 8))"
      }
    }
    #expect(try patches("DSA sample", 0xFF8) == ["240=ff810013", "ff8=0001001b", "ffc=00001404"])
    #expect(try patches("DSA sample", 0x148) == ["100=14820001", "148=1501001b", "14c=00001404"])
    #expect(
      try patches("empty extended list", 0xFF8) == ["100=ff800000", "ff8=0001001b", "ffc=00001404"])
    #expect(try patches("empty extended list", 0x100) == ["100=0001001b", "104=00001404"])
    #expect(try patches("placeholder head", 0x100) == ["100=2001001b", "104=00001404"])
    #expect(
      try patches("placeholder head", 0x180) == ["100=18010000", "180=2001001b", "184=00001404"])
    #expect(
      try patches("not ascending", 0x280) == ["200=2801000f", "280=4001001b", "284=00001404"])
    #expect(try patches("backward", 0x900) == ["800=90010003", "900=2001001b", "904=00001404"])
  }

  @Test(
    "why not, in words",
    arguments: [
      ("DSA sample", 0x102, "0x102 is not a multiple of 4"),
      ("DSA sample", 0xFC, "8 bytes at 0xfc do not lie within 0x100-0xfff"),
      ("DSA sample", 0xFFC, "8 bytes at 0xffc do not lie within 0x100-0xfff"),
      ("DSA sample", 0x22C, "0x22c-0x233 would overlap PASID at 0x230-0x237"),
      (
        "registers in the last 16 bytes", 0xFF8,
        "the bytes at 0xff8 are in use: 0xffb is not zero and no capability accounts for it"
      ),
      (
        "loop to itself", 0xFF8,
        "the capability list is broken: extended pointer at 0x100 leads back to 0x100: "
          + "the list loops"
      ),
      (
        "256 bytes", 0xFF8,
        "only the first 256 bytes of config space were read: extended capabilities start at "
          + "0x100 (read them as root, or with lspci -xxxx)"
      ),
      ("no extended space", 0xFF8, "the function has no extended config space"),
      (
        "480 entries", 0xFF8,
        "the extended list already has 480 entries, and software follows no more"
      ),
      (
        "all ones", 0xFF8,
        "the capability list is broken: the function does not answer: offsets 0x0 and 0x8 read all ones"
      ),
      (
        "aliased", 0xFF8,
        "the capability list is broken: the extended space repeats the first 256 bytes from "
          + "0x100 on: there is none"
      ),
    ])
  func words(name: String, offset: Int, reason: String) {
    let config = Fixtures.named(name)
    let error = #expect(throws: InsertionRefusal.self) {
      try LayoutMap(of: config).inserting(
        InsertionCheck.capability(length: 8), at: offset, in: config)
    }
    #expect(error?.description == reason)
  }

  @Test("bytes that would make an entry of unknown length state one are its registers")
  func hiddenRegisters() {
    let config = Fixtures.named("IDE past the end")
    // Page request's ID, read as the first stream's header, says three address blocks.
    let refusal = #expect(throws: InsertionRefusal.self) {
      try LayoutMap(of: config).inserting(
        InsertionCheck.capability(length: 16), at: 0xF8C, in: config)
    }
    let entry = LayoutMap(of: config).walk.extended.last
    #expect(entry?.id == 0x30)
    #expect(refusal == entry.map { .overlaps(offset: 0xF8C, length: 16, $0) })
  }
}
