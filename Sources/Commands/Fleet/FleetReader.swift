import PCIe
import Placement

/// Puts devices and survey lines together into the survey of a fleet.
final class FleetReader: SourceHandler {
  private var fleet = FleetSurvey()
  private var cache = SurveyLineCache()
  private let layout = SurveyLineCut.Layout()
  private let messages: Messages

  /// What a VMM sees of the devices, if that is known.
  var views: VFIOViews?

  /// Starts without devices.
  ///
  /// - Parameter messages: Gets problems and notes.
  init(messages: Messages) { self.messages = messages }

  func device(_ device: LoadedDevice) {
    do {
      let evidence = try VFIOViews.evidence(of: device, by: views)
      add(KeyedEvidence(evidence), count: 1, names: [device.name])
    } catch {
      messages.problem(error)
    }
  }

  func surveyLine(_ bytes: Span<UInt8>, source: String, line: Int) {
    let cut = SurveyLineCut(bytes, layout)
    if let cut, cache.count(cut, in: bytes) {
      messages.progress()
      return
    }
    do {
      let parsed = try SurveyLine([UInt8](copying: bytes), fallback: "\(source) line \(line)")
      let key = KeyedEvidence(parsed.evidence)
      add(key, count: parsed.count, names: parsed.members)
      if let cut { add(cache.remember(key, of: parsed, cut, in: bytes)) }
    } catch {
      messages.problem(.survey(source: source, line: line, "\(error)"))
    }
  }

  func problem(_ problem: InputProblem) { messages.problem(problem) }

  func note(_ text: String) { messages.note(text) }

  /// The survey of all that was read so far.
  func survey() -> FleetSurvey {
    add(cache.forgetAll())
    return fleet
  }

  private func add(_ key: KeyedEvidence, count: Int, names: [String]) {
    messages.progress()
    put(key, count: count, names: names)
  }

  /// Adds devices whose progress was told when they were counted.
  private func add(_ counted: [SurveyLineCache.Counted]) {
    for shape in counted { put(shape.key, count: shape.count, names: shape.names) }
  }

  private func put(_ key: KeyedEvidence, count: Int, names: [String]) {
    guard !messages.gaveUp else { return }
    do {
      try fleet.add(key, count: count, names: names)
    } catch {
      messages.giveUp("\(error)")
    }
  }
}
