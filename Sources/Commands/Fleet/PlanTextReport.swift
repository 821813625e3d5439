import Hardware
import Placement

/// A plan for people: a table of models, then what stands in the way.
enum PlanTextReport {
  /// The whole report.
  ///
  /// - Parameters:
  ///   - plans: The plans, one a model.
  ///   - style: Whether to colour.
  /// - Returns: The text, with a line end.
  static func text(_ plans: [ModelPlan], style: TextStyle) -> String {
    var table = TextTable(
      headings: ["model", "devices", "offset", "grade", "why"], numeric: [1])
    let rows = plans.map { row(of: $0) }
    table.fit(rows)
    var text = table.headingLine(style) + "\n"
    for row in rows { text += table.line(row, style) + "\n" }
    for plan in plans where !plan.conflicts.isEmpty { text += conflicts(of: plan, style) }
    for plan in plans { text += layouts(of: plan, style) }
    return text + summary(of: plans)
  }

  private static func row(of plan: ModelPlan) -> TextTable.Row {
    let decision = plan.decision
    return TextTable.Row(
      cells: [
        "\(plan.model)", "\(plan.members)", decision.offset?.hex ?? "-", decision.word,
        decision.reasons.first.map { "\($0)".plainLine() } ?? "",
      ],
      tints: [.bold, .none, .accent, tint(of: decision.outcome), .muted])
  }

  private static func tint(of outcome: PlacementDecision.Outcome) -> Tint {
    switch outcome {
    case .present, .placed(_, .clear), .placed(_, .likely): .strongGood
    case .placed: .strongCaution
    case .refused: .strongBad
    }
  }

  private static func conflicts(of plan: ModelPlan, _ style: TextStyle) -> String {
    var text = "\n" + style.paint("\(plan.model): who conflicts", .bold) + "\n"
    for conflict in plan.conflicts {
      let more = conflict.count - conflict.members.count
      text += "  " + conflict.members.map { $0.plainLine() }.joined(separator: ", ")
      text += (more > 0 ? " and \(more) more" : "") + "\n"
      for reason in conflict.reasons { text += "    " + "\(reason)".plainLine() + "\n" }
    }
    if plan.layouts == nil {
      text += "  more different layouts than are kept: others may conflict as well\n"
    }
    if let rest = plan.withoutConflicts, rest.grade != .refused {
      text += "  without them: \(rest.offset.hex), \(rest.grade)\n"
    }
    return text
  }

  private static func layouts(of plan: ModelPlan, _ style: TextStyle) -> String {
    guard plan.decision.outcome != .refused, plan.layouts?.count != 1 else { return "" }
    let count = plan.layouts.map { "\($0.count)" } ?? "many"
    return "\n" + style.paint("\(plan.model):", .bold) + " its devices show \(count) different "
      + "capability lists; a pin keeps the most frequent one, and the others do not honour it\n"
  }

  private static func summary(of plans: [ModelPlan]) -> String {
    let members = plans.reduce(0) { DeviceCount.sum($0, $1.members) }
    let refused = plans.count { $0.decision.outcome == .refused }
    return "\ndevices: \(members), models: \(plans.count)"
      + (refused > 0 ? ", \(refused) of them without an offset for all" : "") + "\n"
  }
}
