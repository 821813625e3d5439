@testable import Commands
import PCIe
import Placement

/// Survey lines as they stand in a file.
enum SurveyLineEntry {
  static func run(_ bytes: [UInt8]) {
    let lines = split(bytes, every: bytes.count)
    require(lines == split(bytes, every: 1), "reading byte by byte changes the lines")
    require(lines == split(bytes, every: 7), "reading seven at a time changes the lines")
    let results = lines.enumerated().map { index, line -> SurveyLine? in
      do throws(SurveyLineError) {
        return try SurveyLine(line, fallback: "fuzz line \(index)")
      } catch {
        require(!"\(error)".isEmpty, "refused without words")
        return nil
      }
    }
    remember(lines, results)
    let parsed = results.compactMap(\.self)
    for line in parsed { writeAndRead(line) }
    // Of lines that are refused a reader would tell the user, which costs most of the time.
    guard parsed.count == lines.count, !lines.isEmpty else { return }
    let plain = fleet(parsed)
    require(fleet(lines) == plain, "remembered lines give another survey")
    require(fleet(reduced(lines)) == plain, "reduced lines give another survey")
    require(
      reduced(lines) == reduced(lines.reversed()), "the order of lines changes the reduced ones")
  }

  private static func split(_ bytes: [UInt8], every length: Int) -> [[UInt8]] {
    var splitter = LineSplitter()
    var lines: [[UInt8]] = []
    for start in stride(from: 0, to: bytes.count, by: max(length, 1)) {
      let end = min(start + length, bytes.count)
      splitter.consume(bytes.span.extracting(start..<end)) { line, _, _ in
        lines.append([UInt8](copying: line))
      }
    }
    splitter.finish { line, _, _ in lines.append([UInt8](copying: line)) }
    return lines
  }

  /// What is counted of lines is what parsing them gives, and none is counted that is refused.
  private static func remember(_ lines: [[UInt8]], _ results: [SurveyLine?]) {
    var cache = SurveyLineCache()
    var expected: [KeyedEvidence: Tally] = [:]
    for (line, result) in zip(lines, results) {
      guard let cut = SurveyLineCut(line.span) else { continue }
      if cache.count(cut, in: line.span) {
        guard let result else { fatalError("counted, and refused when parsed") }
        let name = cut.name(in: line.span)
        require(result.count == 1 && result.members == [name], "counted as \(name): \(result)")
        expected[KeyedEvidence(result.evidence), default: Tally()].add(1, [name])
      } else if let result {
        let forgotten = cache.remember(
          KeyedEvidence(result.evidence), of: result, cut, in: line.span)
        require(forgotten.isEmpty, "forgotten without need")
      }
    }
    var found: [KeyedEvidence: Tally] = [:]
    for counted in cache.forgetAll() {
      found[counted.key, default: Tally()].add(counted.count, counted.names)
    }
    require(found == expected, "\(found) was counted, not \(expected)")
  }

  private struct Tally: Equatable {
    var count = 0
    var names = MemberNames()

    mutating func add(_ count: Int, _ names: [String]) {
      self.count += count
      for name in names { self.names.add(name) }
    }
  }

  /// A line that was read is written as one that reads the same.
  private static func writeAndRead(_ line: SurveyLine) {
    var json = JSONText()
    json.object { json in
      json.integer("count", line.count)
      json.strings("members", line.members)
      line.writeBody(to: &json)
    }
    do {
      let again = try SurveyLine(json.bytes, fallback: "fuzz")
      require(again == line, "\(line) became \(again)")
    } catch {
      fatalError("\(json.text): \(error)")
    }
  }

  /// What a survey of the lines says.
  private static func fleet(_ lines: [SurveyLine]) -> [Summary] {
    var fleet = FleetSurvey()
    for line in lines {
      do {
        try fleet.add(KeyedEvidence(line.evidence), count: line.count, names: line.members)
      } catch {
        fatalError("\(error)")
      }
    }
    return fleet.models.map(Summary.init).sorted { $0.plan.model < $1.plan.model }
  }

  private static func fleet(_ lines: [[UInt8]]) -> [Summary] {
    let reader = FleetReader(messages: Messages())
    for (index, line) in lines.enumerated() {
      reader.surveyLine(line.span, source: "fuzz", line: index)
    }
    return reader.survey().models.map(Summary.init).sorted { $0.plan.model < $1.plan.model }
  }

  private static func reduced(_ lines: [[UInt8]]) -> [[UInt8]] {
    let reducer = SurveyReducer(messages: Messages())
    // Lines that name nobody are called by their place in the file, which the order changes.
    for line in lines { reducer.surveyLine(line.span, source: "fuzz", line: 0) }
    var result: [[UInt8]] = []
    reducer.write { result.append(Array($0.dropLast())) }
    return result
  }

  private struct Summary: Equatable {
    let members: Int
    let unusable: Int
    let present: Int
    let ground: Ground
    let plan: ModelPlan

    init(_ survey: ModelSurvey) {
      (members, unusable, present) = (survey.members, survey.unusable, survey.present)
      ground = survey.ground
      plan = survey.plan()
    }
  }
}
