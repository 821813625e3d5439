import Hardware
import PCIe
import TestSupport
import Testing

@testable import Placement

/// Every reason in words, so that a person knows where and what.
@Suite("Reasons in words")
struct WordingTests {
  private static let aer = SurveyedCapability(offset: 0x100, id: 1, version: 2, size: 0x48)
  private static let unknown = SurveyedCapability(offset: 0x400, id: 0x2B, version: 1, size: nil)

  static let reasons: [(PlacementReason, [String])] = [
    (.behindEverything(offset: 0xFF8, dumps: 1, last: aer), ["zero", "AER at 0x100-0x147"]),
    (.behindEverything(offset: 0xFF8, dumps: 3, last: nil), ["3 dumps", "no extended capability"]),
    (.hole(offset: 0x300, below: unknown), ["zero", "below AP at 0x400 (length unknown)"]),
    (.shadow(offset: 0x500, of: unknown), ["zero", "behind AP at 0x400"]),
    (.holeElsewhere(offset: 0x300), ["another dump"]),
    (.declaredFree(0xE00...0xFFF, source: "the vendor"), ["0xe00-0xfff", "the vendor"]),
    (.conventional, ["PCI Express"]),
    (.strayRegisters(below: 0x808), ["0x808", "not zero"]),
    (.customary, ["other VMMs"]),
    (.notCustomary(.refused), ["0xff8", "refused"]),
    (.present(offset: 0x230), ["0x230", "nothing is synthesised"]),
    (.behindVFIO(offset: 0xFF8, .likely), ["0xff8", "likely", "--vfio-view"]),
    (.askedNotNeeded(offset: 0xE00, .likely), ["0xe00", "not needed", "likely"]),
    (.hiddenPASID(offset: 0x230), ["0x230", "hidden"]),
    (.refusal(.misaligned(offset: 0x101)), ["0x101", "multiple of 4"]),
    (.refusal(.outOfRange(offset: 0xFFC, length: 8)), ["0xffc", "0x100-0xfff"]),
    (.refusal(.listFull(limit: 480)), ["480"]),
    (.unusable(.notRead(size: 64)), ["64 bytes", "lspci -xxxx"]),
    (.unusable(.absent), ["no extended config space"]),
    (.unusable(.broken("at 0x200")), ["broken", "0x200"]),
    (.unusable(.usable), ["whole"]),
    (.overlaps(offset: 0x144, aer), ["0x144-0x14b", "AER at 0x100-0x147"]),
    (.overlapsHidden(offset: 0x144, aer), ["0x144-0x14b", "AER", "hides"]),
    (.nonZero(offset: 0x800, at: 0x804), ["0x800-0x807", "0x804", "not zero"]),
    (.takenElsewhere(offset: 0x800, dump: "0000:01:00.0"), ["0x800-0x807", "0000:01:00.0"]),
    (.takenElsewhere(offset: 0x800, dump: nil), ["0x800-0x807", "another device"]),
    (.forbidden(offset: 0x800, 0x804...0x810, source: "erratum 7"), ["0x804-0x810", "erratum 7"]),
    (.placeholderForbidden(0x100...0x1FF, source: "erratum 7"), ["0x100-0x1ff", "erratum 7"]),
    (
      .declarationContradicted(0x800...0x8FF, at: 0x804, source: "the user"),
      ["0x800-0x8ff", "the user", "0x804"]
    ),
    (.nowhere, ["0x100"]),
    (.noCommonOffset(members: 1), ["the device"]),
    (.noCommonOffset(members: 12), ["all 12 devices"]),
  ]

  @Test("name what they are about", arguments: reasons.map(\.0))
  func words(_ reason: PlacementReason) throws {
    let expected = try #require(Self.reasons.first { $0.0 == reason }).1
    for word in expected { #expect("\(reason)".contains(word), "\(reason)") }
    #expect(!"\(reason)".hasSuffix(".") && !"\(reason)".contains("\n"))
  }

  @Test("breaches name the model and the offsets")
  func breaches() {
    let model = Fleet.model
    #expect("\(PinBreach.noPin(model))".contains("1234:5678 (rev 01)"))
    #expect("\(PinBreach.noOffset(model))".contains("1234:5678 (rev 01)"))
    #expect("\(PinBreach.refused([.customary, .nowhere]))".contains("; "))
    #expect("\(PinBreach.presentAt(offset: 0x230, pinned: 0xFF8))".contains("0x230"))
    #expect("\(PinBreach.notPresent(pinned: 0x230))".contains("0x230"))
    let both = "\(PinBreach.otherLayout(missing: [Self.aer], added: [Self.unknown]))"
    #expect(both.contains("without AER at 0x100-0x147, with AP at 0x400 (length unknown)"))
    #expect("\(PinBreach.otherLayout(missing: [], added: []))".hasSuffix("in another order"))
  }
}

@Suite("Declarations")
struct DeclarationTests {
  @Test(
    "ranges as users write them",
    arguments: [
      ("0xe00-0xfff", 0xE00...0xFFF), ("256-4095", 0x100...0xFFF), ("0x101-0x102", 0x101...0x102),
      ("0XFFF-4095", 0xFFF...0xFFF),
    ])
  func ranges(text: String, bytes: ClosedRange<Int>) throws {
    #expect(try DeclaredRange.bytes(text) == bytes)
  }

  @Test(
    "what is no range",
    arguments: [
      "", "-", "0xe00", "0xe00-", "-0xfff", "0xfff-0xe00", "0xe00-0xfff-1", "0xe00 - 0xfff",
      "e00-fff",
      "0x-0xfff", "0xe00-0xffffffffffffffffff", "0xe00--0xfff", "+256-512",
    ])
  func noRange(text: String) {
    #expect(throws: DeclarationError.notARange(text)) { try DeclaredRange.bytes(text) }
  }

  @Test("ranges outside the extended space", arguments: ["0-0xfff", "0xff-0x100", "0xe00-0x1000"])
  func outside(text: String) throws {
    let error = #expect(throws: DeclarationError.self) { try DeclaredRange.bytes(text) }
    #expect(try #require(error).description.contains("0x100-0xfff"))
  }

  @Test("a range of single bytes is free nowhere, and several together are")
  func parts() throws {
    let evidence = Cases.evidence(Fleet.sample(strayAt: []))
    func grade(_ ranges: ClosedRange<Int>...) throws -> Grade {
      let user = try ranges.map { try DeclaredRange($0, .free, source: "test") }
      return Placer(evidence, declarations: Declarations(user: user, quirks: []))
        .grade(at: 0xE00)
    }
    #expect(try grade(0xE01...0xE02) == .likely)
    #expect(try grade(0xE00...0xE06) == .likely)
    #expect(try grade(0xE00...0xE07) == .clear)
    #expect(try grade(0xE00...0xE01, 0xE02...0xE05, 0xE04...0xE07) == .clear)
    #expect(try grade(0xE00...0xE03, 0xE05...0xE07) == .likely)
  }

  @Test("quirks cover the model, and all revisions when they name none")
  func quirks() throws {
    let any = try Quirk(
      vendorID: 0x1234, deviceID: 0x5678, revision: nil, free: [0x800...0x807], forbidden: [],
      source: "any")
    let second = try Quirk(
      vendorID: 0x1234, deviceID: 0x5678, revision: 2, free: [], forbidden: [0x900...0x907],
      source: "second")
    let declarations = Declarations(user: [], quirks: [any, second])
    func sources(_ vendor: UInt16, _ device: UInt16, _ revision: UInt8) -> [String] {
      declarations.ranges(
        for: DeviceModel(vendorID: vendor, deviceID: device, revision: revision)
      ).map(\.source)
    }
    #expect(sources(0x1234, 0x5678, 1) == ["any"])
    #expect(sources(0x1234, 0x5678, 2) == ["any", "second"])
    #expect(sources(0x1234, 0x5679, 2) == [] && sources(0x1235, 0x5678, 2) == [])
    #expect(throws: DeclarationError.noSource(vendorID: 1, deviceID: 2)) {
      try Quirk(vendorID: 1, deviceID: 2, revision: nil, free: [], forbidden: [], source: " \t")
    }
    #expect(throws: DeclarationError.outOfRange(0xFF...0x100)) {
      try Quirk(
        vendorID: 1, deviceID: 2, revision: nil, free: [0xFF...0x100], forbidden: [], source: "x")
    }
  }
}
