import HostSystem
import PCIe
import Placement

/// Says of each device, as it comes, whether it still honours a pin.
final class PinChecker: SourceHandler {
  private let pin: Pin
  private let declarations: Declarations
  private let messages: Messages
  private var sink = ByteSink()
  private var json: JSONText?
  private(set) var honoured = 0
  private(set) var broken = 0

  /// What a VMM sees of the devices, if that is known.
  var views: VFIOViews?

  /// Prepares to check.
  ///
  /// - Parameters:
  ///   - pin: What devices are to honour.
  ///   - declarations: What users and quirk files declare.
  ///   - json: Whether to write JSON.
  ///   - messages: Gets problems and notes.
  init(_ pin: Pin, _ declarations: Declarations, json: Bool, messages: Messages) {
    self.pin = pin
    self.declarations = declarations
    self.messages = messages
    if json {
      var text = JSONText(lineDepth: 2)
      text.open(nil, "{")
      text.open("devices", "[")
      self.json = text
    }
  }

  func device(_ device: LoadedDevice) {
    do {
      check(try VFIOViews.evidence(of: device, by: views), count: 1, names: [device.name])
    } catch {
      messages.problem(error)
    }
  }

  func surveyLine(_ bytes: Span<UInt8>, source: String, line: Int) {
    do {
      let parsed = try SurveyLine([UInt8](copying: bytes), fallback: "\(source) line \(line)")
      check(parsed.evidence, count: parsed.count, names: parsed.members)
    } catch {
      messages.problem(.survey(source: source, line: line, "\(error)"))
    }
  }

  func problem(_ problem: InputProblem) { messages.problem(problem) }

  func note(_ text: String) { messages.note(text) }

  /// Writes the sums.
  func finish() {
    if var json {
      json.close("]")
      json.integer("honoured", honoured)
      json.integer("broken", broken)
      json.close("}")
      json.endLine()
      send(json.takeBytes())
      self.json = json
    } else {
      send(Array("\(honoured) honour the pin, \(broken) do not\n".utf8))
    }
    do { try sink.flush() } catch { messages.giveUp("\(error)") }
  }

  private func check(_ evidence: PlacementEvidence, count: Int, names: [String]) {
    messages.progress()
    let breach = pin.breach(by: evidence, declarations: declarations)
    if breach == nil {
      honoured = DeviceCount.sum(honoured, count)
    } else {
      broken = DeviceCount.sum(broken, count)
    }
    let more = count - names.count
    let who = names.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    guard json != nil else {
      let text = who.plainLine(limit: 2000)
      let verdict =
        breach.map { "BROKEN   \(text): " + "\($0)".plainLine(limit: 4000) } ?? "honours  \(text)"
      send(Array("\(verdict)\n".utf8))
      return
    }
    json?.object { json in
      json.strings("members", names)
      json.integer("count", count)
      json.integer("vendorID", evidence.model.vendorID)
      json.integer("deviceID", evidence.model.deviceID)
      json.integer("revision", evidence.model.revision)
      json.bool("honoured", breach == nil)
      json.string("reason", breach.map { "\($0)" })
    }
    if let bytes = json?.takeBytes() { send(bytes) }
  }

  private func send(_ bytes: [UInt8]) {
    guard !messages.gaveUp else { return }
    do { try sink.write(bytes) } catch { messages.giveUp("\(error)") }
  }
}
