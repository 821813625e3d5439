import Commands
import HostABI
import Testing

@Suite("Reports of the lab with a VT-d unit of the guest's") struct VTdLabReportTests {
  static let counts = [1, 3, 64, 1000]

  @Test("lines fit, and name each step and its way", arguments: counts)
  func text(count: Int) throws {
    let report = try VTdLabTests.run(LabOptions(pasidCount: count))
    let text = LabTextReport.text(report, style: .plain)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect((100...200).contains(lines.count), "as long for many PASIDs as for few")
    for line in lines {
      #expect(line.count <= InspectTextReport.width, "\(line)")
      #expect(!line.hasSuffix(" "), "\(line)")
    }
    for (index, step) in report.steps.enumerated() {
      #expect(lines.contains("\(index + 1)  \(step.title)"))
    }
    #expect(text.contains("PASID \(count): write to"), "the last PASID is always shown")
    #expect(text.hasSuffix("\n✓ \(report.claimCount) of \(report.claimCount) checks hold\n"))
    for seam in ["guest → unit", "unit → guest", "unit → backend", "VMM → unit", "backend → host"] {
      #expect(lines.contains { $0.hasPrefix("   \(seam)  ") })
    }
  }

  @Test("what is broken on purpose is said first and last", arguments: LabBreak.allCases)
  func broken(what: LabBreak) throws {
    let report = try VTdLabTests.run(LabOptions(breaking: what))
    let text = LabTextReport.text(report, style: .plain)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[1] == "broken on purpose: \(what.rawValue): \(what.summary)")
    #expect(text.hasSuffix("  \(what.rawValue) failed, and showed, as expected\n"))
    #expect(lines.allSatisfy { $0.count <= InspectTextReport.width && !$0.hasSuffix(" ") })
    var json = JSONText()
    LabJSON.write(report, to: &json)
    let parsed = try LabJSONObject(json.text)
    try parsed.check(LabJSONObject.withUnit, isWhole: false)
    #expect(parsed.root["break"] as? String == what.rawValue)
  }

  @Test("a run that ends early says where, and what was expected")
  func failure() throws {
    let options = try LabOptions(pasidCount: 2)
    let report = Lab.run(options, on: try LabHost(options), to: try LabHost(options)) {
      FailingKernel($0, failing: 1, with: .EACCES)
    }
    let text = LabTextReport.text(report, style: .plain)
    #expect(!report.holds && report.steps.last?.name == .realise)
    #expect(text.contains("EACCES") && text.contains("step realise ended the run"))
  }

  @Test("JSON has the keys of the contract, and the values of the run", arguments: counts)
  func json(count: Int) throws {
    let report = try VTdLabTests.run(LabOptions(pasidCount: count))
    var json = JSONText(lineDepth: 4)
    LabJSON.write(report, to: &json)
    let parsed = try LabJSONObject(json.text)
    try parsed.check(LabJSONObject.withUnit)
    let root = parsed.root
    #expect(root["schema"] as? Int == 1 && root["iommu"] as? String == "vtd")
    #expect(root["pasids"] as? Int == count && root["holds"] as? Bool == true)
    let unit = try #require(root["unit"] as? [String: Any])
    #expect(unit["capability"] as? String == report.facts.unit.map { "0x" + hex($0.capability) })
    let steps = try #require(root["steps"] as? [[String: Any]])
    #expect(
      steps.compactMap { $0["name"] as? String } == VTdLabTests.steps.map(\.rawValue))
    let seams = steps.flatMap { $0["crossings"] as? [[String: Any]] ?? [] }
      .compactMap { $0["seam"] as? String }
    #expect(Set(seams) == Set(LabCrossing.Seam.allCases.map(\.rawValue)))
  }

  private func hex(_ value: UInt64) -> String { String(value, radix: 16) }

  @Test("the picture is sound and shows the tables", arguments: counts)
  func picture(count: Int) throws {
    let report = try VTdLabTests.run(LabOptions(pasidCount: count))
    let (tables, walk) = (
      try #require(report.facts.tables), try #require(report.facts.walk)
    )
    let document = try SVGDocument(LabTablesSVG.svg(tables, walk, in: report))
    let page = document.page
    #expect(document.rectangles.allSatisfy { $0.lies(within: page) })
    let texts = document.texts
    for (index, (text, box)) in texts.enumerated() {
      #expect(box.lies(within: page), "\(text) runs out")
      for (other, otherBox) in texts[(index + 1)...] where box.overlaps(otherBox) {
        Issue.record("\"\(text)\" and \"\(other)\" overlap")
      }
    }
    let shown = texts.map(\.text)
    for entry in [tables.rootEntry, tables.contextEntry, tables.directoryEntry] {
      #expect(shown.contains("at 0x\(hex(entry.address))"))
      #expect(shown.contains("0x\(hex(entry.value))"))
    }
    #expect(shown.contains { $0.contains("table 0x\(hex(tables.firstStage))") })
    for level in walk.levels { #expect(shown.contains("0x\(hex(level.hostAddress))")) }
    #expect(shown.contains("\"\(walk.text)\""))
    #expect(shown.contains { $0.hasPrefix("HWPT \(tables.nestedTable ?? 0):") })
  }
}
