import PCIe
import Placement
import TestSupport

@testable import Commands

/// Reads text as a source in chunks, and what it says about a fleet.
enum FleetReading {
  struct Result: Equatable {
    var plans: [ModelPlan]
    var members: Int
    var problems: [InputProblem]
  }

  /// A handler that plans, with the problems kept.
  private final class Planner: SourceHandler {
    let messages = Messages()
    let fleet: FleetReader
    var problems: [InputProblem] = []

    init() { fleet = FleetReader(messages: messages) }

    func device(_ device: LoadedDevice) { fleet.device(device) }
    func surveyLine(_ bytes: Span<UInt8>, source: String, line: Int) {
      fleet.surveyLine(bytes, source: source, line: line)
    }
    func problem(_ problem: InputProblem) { problems.append(problem) }
    func note(_ text: String) {}
  }

  /// Cuts text into lines, in chunks of at most `chunk` bytes, and plans.
  static func read(_ text: [UInt8], chunk: Int = .max) -> Result {
    let planner = Planner()
    var splitter = LineSplitter()
    var start = 0
    func line(_ bytes: Span<UInt8>, _ kind: LineSplitter.Line, _ number: Int) {
      guard kind == .whole, bytes.count > 0 else { return }
      planner.surveyLine(bytes, source: "fleet", line: number)
    }
    while start < text.count {
      let end = chunk < text.count - start ? start + chunk : text.count
      splitter.consume(text.span.extracting(start..<end), line)
      start = end
    }
    splitter.finish(line)
    return Result(
      plans: planner.fleet.survey().plan(), members: planner.fleet.survey().members,
      problems: planner.problems)
  }

  /// The reduced form of survey lines.
  static func reduce(_ text: [UInt8]) -> [UInt8] {
    let reducer = SurveyReducer(messages: Messages())
    var splitter = LineSplitter()
    splitter.consume(text.span) { bytes, _, number in
      if bytes.count > 0 { reducer.surveyLine(bytes, source: "fleet", line: number) }
    }
    var result: [UInt8] = []
    reducer.write { result += $0 }
    return result
  }
}
