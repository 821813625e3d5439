import HostSystem
import LogText

extension LogSummary {
  /// The summary for people.
  func text(_ style: LogStyle) -> String {
    var text = "\n" + style.paint("Summary", .name)
    text += " of \(HumanText.duration(duration))"
    if let end {
      text += ", "
      text += style.paint(
        TracedEvent.ended(end).wording.text, end == .exited(0) ? .good : .bad)
    }
    text += "\n" + callTable(style) + deviceLines(style) + leftLines(style)
    return text
  }

  private func callTable(_ style: LogStyle) -> String {
    guard !calls.isEmpty else { return "  no calls\n" }
    let width = calls.keys.map { $0.utf8.count }.max() ?? 0
    var text = style.paint(
      "  " + HumanText.padded("request", width) + HumanText.padded("calls", 10, right: true)
        + HumanText.padded("median", 10, right: true) + HumanText.padded("most", 10, right: true)
        + "  failed", .muted)
    text += "\n"
    let rows = calls.sorted {
      ($1.value.durations.count, $0.key) < ($0.value.durations.count, $1.key)
    }
    for (name, call) in rows {
      let errors = call.errors.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        .map { "\(HumanText.count($0.value)) \($0.key)" }.joined(separator: ", ")
      text += "  " + HumanText.padded(name, width)
      text += HumanText.padded(HumanText.count(call.durations.count), 10, right: true)
      text += HumanText.padded(HumanText.duration(call.durations.median), 10, right: true)
      text += HumanText.padded(HumanText.duration(call.durations.maximum), 10, right: true)
      if !errors.isEmpty {
        text += "  " + style.paint(errors, .bad)
        if call.injected > 0 { text += style.paint(" (\(call.injected) injected)", .caution) }
      }
      text += "\n"
    }
    return text
  }

  private func deviceLines(_ style: LogStyle) -> String {
    var text = ""
    for (index, device) in devices.sorted(by: { $0.key < $1.key }) {
      var parts: [String] = []
      if device.reads + device.writes > 0 {
        parts.append(
          "\(HumanText.count(device.reads, "DMA read")), \(HumanText.count(device.writes, "write")), "
            + "\(HumanText.amount(device.bytes))")
      }
      if !device.pasids.isEmpty {
        parts.append("DMA through \(HumanText.count(device.pasids.count, "PASID"))")
      }
      if device.attaches > 0 {
        parts.append(
          "\(HumanText.count(device.attaches, "attach", "attaches")), "
            + HumanText.count(device.attachedPASIDs.count, "PASID"))
      }
      if device.interrupts > 0 { parts.append(HumanText.count(device.interrupts, "interrupt")) }
      if device.pageRequests + device.pageResponses > 0 {
        parts.append(
          "\(HumanText.count(device.pageRequests, "page request")), "
            + HumanText.count(device.pageResponses, "response"))
      }
      text += "  " + style.paint("vfio\(index)", .file) + "  " + parts.joined(separator: "; ")
      let bad =
        (device.faults > 0 ? [HumanText.count(device.faults, "fault")] : [])
        + (device.stale > 0 ? ["\(HumanText.count(device.stale)) stale translations used"] : [])
      if !bad.isEmpty {
        text += (parts.isEmpty ? "" : "; ") + style.paint(bad.joined(separator: ", "), .bad)
      }
      text += "\n"
    }
    return text
  }

  /// The first of some names, and how many more there are.
  private static func first(_ count: Int, of names: [String]) -> String {
    names.prefix(count).joined(separator: ", ")
      + (names.count > count ? " and \(names.count - count) more" : "")
  }

  /// How many contexts text names; JSON has more.
  private static let shownContexts = 16

  private func leftLines(_ style: LogStyle) -> String {
    var text = ""
    for (_, left) in left.sorted(by: { $0.key < $1.key }).prefix(Self.shownContexts) {
      text += "  " + style.paint(left.context, .file) + "  left to the last close: "
      var parts = [Self.first(12, of: left.objects)]
      if left.mappings > 0 {
        parts.append(
          "\(HumanText.count(left.mappings)) mappings, \(HumanText.amount(left.mappedBytes))")
      }
      if !left.attachments.isEmpty {
        parts.append("attached: " + Self.first(8, of: left.attachments))
      }
      text += parts.filter { !$0.isEmpty }.joined(separator: "; ") + "\n"
    }
    let further = furtherContexts + max(0, left.count - Self.shownContexts)
    if further > 0 {
      text += "  and \(HumanText.count(further)) more contexts with something left\n"
    }
    if emptyContexts > 0 {
      let name = emptyContexts == 1 ? "context" : "contexts"
      text += "  \(HumanText.count(emptyContexts)) \(name) closed with nothing left\n"
    }
    if let leftBehind, leftBehind.contexts > 0 || leftBehind.chargedPages > 0 {
      text +=
        "  "
        + style.paint(
          "left on the host after all files were closed: \(leftBehind.contexts) contexts, "
            + "\(leftBehind.chargedPages) pinned pages", .bad) + "\n"
    }
    return text
  }
}
