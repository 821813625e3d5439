import PCIe
import Placement

/// Reduces a survey to one line for each `survey` object that occurs, losing nothing that a plan
/// depends on.
final class SurveyReducer: SourceHandler {
  private struct Group {
    var count: Int
    var members: MemberNames
  }

  private var groups: [[UInt8]: Group] = [:]
  private let messages: Messages

  /// What a VMM sees of the devices, if that is known.
  var views: VFIOViews?

  /// Starts without devices.
  ///
  /// - Parameter messages: Gets problems and notes.
  init(messages: Messages) { self.messages = messages }

  func device(_ device: LoadedDevice) {
    do {
      add(SurveyLine(device, evidence: try VFIOViews.evidence(of: device, by: views)))
    } catch {
      messages.problem(error)
    }
  }

  func surveyLine(_ bytes: Span<UInt8>, source: String, line: Int) {
    do {
      add(try SurveyLine([UInt8](copying: bytes), fallback: "\(source) line \(line)"))
    } catch {
      messages.problem(.survey(source: source, line: line, "\(error)"))
    }
  }

  func problem(_ problem: InputProblem) { messages.problem(problem) }

  func note(_ text: String) { messages.note(text) }

  private func add(_ line: SurveyLine) {
    messages.progress()
    guard !messages.gaveUp else { return }
    var json = JSONText()
    line.writeBody(to: &json)
    let known = groups[json.bytes]
    guard known != nil || groups.count < FleetSurvey.limit else {
      messages.giveUp("\(FleetError.tooDiverse(limit: FleetSurvey.limit))")
      return
    }
    var group = known ?? Group(count: 0, members: MemberNames())
    group.count = DeviceCount.sum(group.count, line.count)
    for member in line.members { group.members.add(member) }
    groups[json.bytes] = group
  }

  /// The reduced lines, in an order that does not depend on that of the input.
  func write(to send: ([UInt8]) -> Void) {
    for (body, group) in groups.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      var json = JSONText()
      json.object { json in
        json.integer("count", group.count)
        json.strings("members", group.members.names)
        json.raw(body)
      }
      json.endLine()
      send(json.bytes)
    }
  }
}
