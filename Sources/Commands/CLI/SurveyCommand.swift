import ArgumentParser
import HostSystem
import PCIe
import Placement

struct SurveyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "survey",
    abstract: "Print what placement needs to know, one JSON line a device.",
    discussion: """
      The lines of many hosts go to `passage plan`. With --merge they are reduced first, on any \
      number of machines and in any order: devices that show the same become one line.

      Exit status: 0 done, 1 unusable input.
      """)

  @Argument(help: "Devices, dumps, folders, or - for standard input; with --merge, lines as well.")
  var sources: [String]

  @Flag(help: "Reduce devices that show the same to one line.")
  var merge = false

  @OptionGroup var view: ViewOption

  func run() throws {
    let messages = Messages()
    defer { messages.finish() }
    let views = try view.views(messages)
    if merge {
      let reducer = SurveyReducer(messages: messages)
      reducer.views = views
      SourceLoader(handler: reducer).load(sources)
      // A reduction of a part would pass for one of the whole.
      if messages.gaveUp { throw ExitStatus.unusableInput }
      var sink = ByteSink()
      var failure: HostError?
      reducer.write { bytes in
        do throws(HostError) { try sink.write(bytes) } catch { failure = error }
      }
      if let failure { throw failure }
      try sink.flush()
    } else {
      let writer = SurveyWriter(messages: messages)
      writer.views = views
      SourceLoader(handler: writer).load(sources)
      writer.finish()
    }
    if messages.problems > 0 { throw ExitStatus.unusableInput }
  }
}

/// Writes a line for each device as it comes.
final class SurveyWriter: SourceHandler {
  private let messages: Messages
  private var sink = ByteSink()

  /// What a VMM sees of the devices, if that is known.
  var views: VFIOViews?

  init(messages: Messages) { self.messages = messages }

  func device(_ device: LoadedDevice) {
    do {
      var json = JSONText()
      let evidence = try VFIOViews.evidence(of: device, by: views)
      SurveyLine(device, evidence: evidence).write(of: device, to: &json)
      send(json.bytes)
    } catch {
      messages.problem(error)
    }
    messages.progress()
  }

  func surveyLine(_ bytes: Span<UInt8>, source: String, line: Int) {
    // Passed on as it is, once it is known to be one.
    let text = [UInt8](copying: bytes)
    do {
      _ = try SurveyLine(text, fallback: source)
    } catch {
      messages.problem(.survey(source: source, line: line, "\(error)"))
      return
    }
    send(text + [UInt8(ascii: "\n")])
    messages.progress()
  }

  func problem(_ problem: InputProblem) { messages.problem(problem) }

  func note(_ text: String) { messages.note(text) }

  func finish() {
    guard !messages.gaveUp else { return }
    do { try sink.flush() } catch { messages.giveUp("\(error)") }
  }

  private func send(_ bytes: [UInt8]) {
    guard !messages.gaveUp else { return }
    do { try sink.write(bytes) } catch { messages.giveUp("\(error)") }
  }
}
