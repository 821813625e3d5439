import Commands
import HostABI
import Testing

@Suite("Reports of the lab without a unit of the guest's") struct LabReportTests {
  @Test("lines fit, and name each step and its way", arguments: [1, 3, 64])
  func text(count: Int) {
    let report = Lab.run(pasidCount: count)
    let text = LabTextReport.text(report, style: .plain)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect((60...110).contains(lines.count), "as long for many PASIDs as for few")
    for line in lines {
      #expect(line.count <= InspectTextReport.width, "\(line)")
      #expect(!line.hasSuffix(" "), "\(line)")
    }
    for (index, step) in report.steps.enumerated() {
      #expect(lines.contains("\(index + 1)  \(step.title)"))
      #expect(lines.contains("   \(step.way.joined(separator: " → "))"))
    }
    #expect(text.contains("PASID \(count): write to"), "the last PASID is always shown")
    #expect(text.hasSuffix("\n✓ \(report.claimCount) of \(report.claimCount) checks hold\n"))
    #expect(!text.contains("✗"))
  }

  @Test("colours only repeat what stands there")
  func colors() throws {
    let report = Lab.run(pasidCount: 2)
    let colored = LabTextReport.text(report, style: .ansi)
    #expect(colored.contains("\u{1B}[1;32m✓"))
    let plain = try colored.replacing(Regex("\u{1B}\\[[0-9;]*m"), with: "")
    #expect(plain == LabTextReport.text(report, style: .plain))
  }

  @Test("a run that ends early says where, and what was expected")
  func failure() {
    let report = Lab.run(pasidCount: 2) { FailingKernel($0, failing: 1, with: .EACCES) }
    let text = LabTextReport.text(report, style: .plain)
    #expect(!report.holds && report.steps.last?.name == .bind)
    #expect(text.contains("EACCES") && text.contains("expected: every call of this step"))
    #expect(text.contains("step bind ended the run"))
    var json = JSONText()
    LabJSON.write(report, to: &json)
    #expect(json.text.contains("\"complete\":false") && json.text.contains("\"walk\":null"))
  }

  @Test("JSON has the keys of the contract, and the values of the run", arguments: [1, 3, 64])
  func json(count: Int) throws {
    let report = Lab.run(pasidCount: count)
    var json = JSONText(lineDepth: 4)
    LabJSON.write(report, to: &json)
    #expect(json.text.hasSuffix("}\n"))
    let parsed = try LabJSONObject(json.text)
    try parsed.check(LabJSONObject.plain)
    let root = parsed.root
    #expect(root["schema"] as? Int == 1 && root["pasids"] as? Int == count)
    #expect(root["holds"] as? Bool == true && root["complete"] as? Bool == true)
    #expect(root["checks"] as? Int == report.claimCount && root["held"] as? Int == report.heldCount)
    let processes = try #require(root["processes"] as? [[String: Any]])
    #expect(processes.map { $0["pasid"] as? Int } == (1...count).map { $0 })
    let walk = try #require(root["walk"] as? [String: Any])
    #expect((walk["hostAddress"] as? UInt64) == report.facts.walk?.hostAddress)
    let faults = try #require(root["faults"] as? [[String: Any]])
    #expect(faults.map { $0["reason"] as? Int } == [0x71, 0x85, 0x79, nil, nil])
  }

  @Test("the picture is sound and shows the walk", arguments: [1, 64])
  func picture(count: Int) throws {
    let report = Lab.run(pasidCount: count)
    let walk = try #require(report.facts.walk)
    let document = try SVGDocument(LabWalkSVG.svg(walk, in: report))
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
    for level in walk.levels {
      let host = "0x" + String(level.hostAddress, radix: 16)
      #expect(shown.contains(host) && shown.contains("level \(level.level)"))
    }
    #expect(shown.contains("\"\(walk.text)\""))
    #expect(document.elements[0].attributes["role"] == "img")
  }
}
