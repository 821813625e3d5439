import PCIe
import Placement

/// Puts devices and survey lines together into the survey of a fleet.
final class FleetReader: SourceHandler {
  private(set) var fleet = FleetSurvey()
  private var cache = SurveyLineCache()
  private let messages: Messages

  /// Starts without devices.
  ///
  /// - Parameter messages: Gets problems and notes.
  init(messages: Messages) { self.messages = messages }

  func device(_ device: LoadedDevice) {
    let layout = LayoutMap(of: device.config)
    let evidence = PlacementEvidence(layout: layout, of: device.config)
    add(KeyedEvidence(evidence), count: 1, names: [device.name])
  }

  func surveyLine(_ bytes: Span<UInt8>, source: String, line: Int) {
    let cut = SurveyLineCache.cut(bytes)
    if let cut, let key = cache.lookUp(cut, in: bytes) {
      fleet.addAnother(like: key, name: cut.name)
      messages.progress()
      return
    }
    do {
      let parsed = try SurveyLine([UInt8](copying: bytes), fallback: "\(source) line \(line)")
      let key = KeyedEvidence(parsed.evidence)
      add(key, count: parsed.count, names: parsed.members)
      if let cut { cache.remember(key, of: parsed, cut, in: bytes) }
    } catch {
      messages.problem(.survey(source: source, line: line, "\(error)"))
    }
  }

  func problem(_ problem: InputProblem) { messages.problem(problem) }

  func note(_ text: String) { messages.note(text) }

  private func add(_ key: KeyedEvidence, count: Int, names: [String]) {
    messages.progress()
    guard !messages.gaveUp else { return }
    do {
      try fleet.add(key, count: count, names: names)
    } catch {
      messages.giveUp("\(error)")
    }
  }
}
