import Hardware

/// The report of `passage lab` for people.
package enum LabTextReport {
  /// Events of one kind that are shown of many PASIDs, from the start; the last one follows.
  static let shownProcesses = 4

  /// Describes a run step by step.
  ///
  /// - Parameters:
  ///   - report: The run.
  ///   - style: Whether to write colours.
  /// - Returns: Lines of at most ``InspectTextReport/width`` columns, each with its line end.
  package static func text(_ report: LabReport, style: TextStyle) -> String {
    var page = TextPage(style: style)
    let count = report.pasidCount
    page.add(
      "One device, \(count) \(count == 1 ? "PASID" : "PASIDs"): the whole path in one process",
      behind: "", .bold)
    if let breaking = report.breaking {
      page.add("\(breaking.rawValue): \(breaking.summary)", behind: "broken on purpose: ", .caution)
    }
    for (index, step) in report.steps.enumerated() {
      page.add(step, number: index + 1, hasUnit: report.iommu == .vtd)
      if step.name == .dma, let walk = report.facts.walk { page.add(walk) }
    }
    page.add()
    page.addVerdict(report)
    return page.text
  }
}

extension TextPage {
  /// Columns of the actor and of the action.
  private static let actorWidth = 8
  private static let actionWidth = 43

  /// Adds a step: its title and way, the calls that were made, and what happened.
  mutating func add(_ step: LabStep, number: Int, hasUnit: Bool) {
    addHeading("\(number)  \(step.title)")
    let indent = "   "
    add(step.way.joined(separator: " → "), behind: indent, .muted)
    addCrossings(step, hasUnit: hasUnit, behind: indent)
    for row in Self.rows(step.events) {
      switch row {
      case .event(let event): add(event)
      case .left(let count): add("… and \(count) more like these", behind: indent, .muted)
      }
    }
    if !step.messages.isEmpty { add("the operator reads:", behind: indent, .muted) }
    for message in step.messages { add(message, behind: indent + "» ", .caution) }
  }

  private enum Row {
    case event(LabEvent)
    case left(Int)
  }

  /// Of a long run of events that begin alike, for one PASID each, the first ones and the last.
  private static func rows(_ events: [LabEvent]) -> [Row] {
    var rows: [Row] = []
    var index = 0
    while index < events.count {
      let kind = kind(of: events[index])
      let end =
        events[index...].firstIndex { Self.kind(of: $0) != kind } ?? events.endIndex
      let count = end - index
      // What went wrong is never left out.
      let isLong = kind != nil && count > LabTextReport.shownProcesses + 1
      if isLong, events[index..<end].allSatisfy({ $0.holds != false }) {
        rows += events[index..<index + LabTextReport.shownProcesses - 1].map { .event($0) }
        rows.append(.left(count - LabTextReport.shownProcesses))
        rows.append(.event(events[end - 1]))
      } else {
        rows += events[index..<end].map { .event($0) }
      }
      index = end
    }
    return rows
  }

  /// What an event is about besides its PASID; `nil` when it is about none.
  private static func kind(of event: LabEvent) -> String? {
    guard event.action.hasPrefix("PASID "),
      let colon = event.action.firstIndex(of: ":")
    else { return nil }
    let words = event.action[colon...].split(separator: " ")
    return "\(event.actor) \(words.prefix(2).joined(separator: " "))"
  }

  private mutating func add(_ event: LabEvent) {
    let mark =
      switch event.holds {
      case nil: " "
      case true?: "✓"
      case false?: "✗"
      }
    let tint: Tint = event.holds == false ? .strongBad : .strongGood
    let start =
      " \(style.paint(mark, tint)) "
      + style.paint(event.actor.rawValue.padded(to: Self.actorWidth), .accent)
      + event.action.padded(to: Self.actionWidth) + "  "
    let head = 3 + Self.actorWidth
    let indent = head + max(Self.actionWidth, event.action.columns) + 2
    let room = max(20, InspectTextReport.width - indent)
    for (index, line) in event.answer.wrapped(to: room).enumerated() {
      add((index == 0 ? start : String(repeating: " ", count: indent)) + line)
    }
    if let expected = event.expected {
      add(
        "expected: \(expected)", behind: String(repeating: " ", count: head), .bad)
    }
  }

  mutating func addVerdict(_ report: LabReport) {
    let claims = "\(report.heldCount) of \(report.claimCount) checks hold"
    guard !report.holds else {
      add(style.paint("✓ \(claims)", .strongGood))
      if let breaking = report.breaking {
        add("\(breaking.rawValue) failed, and showed, as expected", behind: "  ", .muted)
      }
      return
    }
    let last = report.steps.last
    add(
      style.paint("✗ \(claims)", .strongBad)
        + (report.isComplete ? "" : ", and step \(last?.name.rawValue ?? "") ended the run"))
  }
}
