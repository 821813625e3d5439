import Commands
import PCIe
import Testing

@Suite("Picture of the map") struct ConfigMapSVGTests {
  private func draw(_ device: LoadedDevice) throws -> String {
    let inspected = try #require(Devices.inspect(device))
    return ConfigMapSVG.svg(inspected, capability: PASIDCapability())
  }

  @Test(arguments: Devices.all) func isSound(device: LoadedDevice) throws {
    try check(SVGDocument(draw(device)))
  }

  @Test func isSoundForOtherSpaces() throws {
    for device in Devices.spaces { try check(SVGDocument(draw(device))) }
  }

  @Test func survivesNoise() throws {
    for seed in 1000..<1150 as Range<UInt64> {
      try check(SVGDocument(draw(Devices.noise(seed: seed))))
    }
  }

  /// Well-formed (the parser has said so), inside its page, and no text upon another.
  private func check(_ document: SVGDocument) {
    let page = document.page
    #expect(document.rectangles.allSatisfy { $0.lies(within: page) })
    let texts = document.texts
    for (index, (text, box)) in texts.enumerated() {
      #expect(box.lies(within: page), "\(text) runs out")
      for (other, otherBox) in texts[(index + 1)...] where box.overlaps(otherBox) {
        Issue.record("\"\(text)\" and \"\(other)\" overlap")
      }
    }
  }

  @Test(arguments: Devices.all) func tilesTheMap(device: LoadedDevice) throws {
    // Cells are dwords of 12 pixels: what is drawn must add up to the bytes, with no overlap.
    let document = try SVGDocument(draw(device))
    let fills = [
      "f-header", "f-head", "f-body", "f-shadow", "f-shadowuse", "f-stray", "f-silent",
      "f-pasid", "f-zero",
    ]
    let parts = document.all("rect").filter {
      fills.contains($0.attributes["class"] ?? "") && $0.number("height") == 24
    }
    #expect(parts.reduce(0) { $0 + $1.number("width") } == Double(device.config.size) * 3)
    #expect(parts.count < 1024, "regions are merged")
  }

  @Test func standsAlone() throws {
    let source = try draw(Devices.oddities)
    let root = try SVGDocument(source).elements[0]
    #expect(root.attributes["role"] == "img")
    #expect(root.attributes["aria-label"]?.contains("vPASID at") == true)
    #expect(source.contains("prefers-color-scheme:dark"))
    for forbidden in ["<script", "href", "@import", "@font-face", "<image"] {
      #expect(!source.contains(forbidden))
    }
  }

  @Test func textOfOthersStaysText() throws {
    let document = try SVGDocument(draw(Devices.hostile))
    #expect(document.all("script").isEmpty)
    #expect(
      document.all("title")[0].content.contains("]]><script>alert(1)</script>]0;x e\u{301} 漢字"))
  }

  @Test func namesWhatDoesNotFitBesideTheMap() throws {
    let texts = try SVGDocument(draw(Devices.sample)).texts
    let beside = texts.filter { $0.box.left > 844 }.map(\.text)
    #expect(
      beside == [
        "0x080 MSI-X 12 B", "0x090 PM 8 B", "0x150 LTR 8 B", "0x220 ATS 8 B", "0x230 PASID 8 B",
      ])
    for name in ["AER", "PCIe", "TPH", "VC", "DVSEC", "PRI"] {
      #expect(texts.contains { $0.text == name && $0.box.left < 844 }, "\(name) on the map")
    }
  }

  @Test func keepsTheChosenPlaceInACrowd() throws {
    let texts = try SVGDocument(draw(Devices.crowded)).texts.map(\.text)
    #expect(texts.contains("0xff8 vPASID 8 B"))
    #expect(texts.contains { $0.hasPrefix("and ") && $0.hasSuffix(" more") })
  }

  @Test func tellsRangesInTooltips() throws {
    let titles = try SVGDocument(draw(Devices.oddities)).all("title").map(\.content)
    #expect(titles.contains("not zero, unclaimed, 0x801-0x801, 1 B"))
    #expect(
      titles.contains(
        "Alternate Protocol at 0x200: not zero, behind an unknown length, 0x210-0x211, 2 B"))
  }
}
