import LogText

/// Turns what happened into lines: decodes, learns, counts and folds, in the order of arrival.
struct LogWriter: Sendable {
  private(set) var knowledge: HostKnowledge
  private(set) var summary = LogSummary()
  private let format: LogFormat
  private var text: TextLog
  private var hasHeading = false

  init(_ devices: [LogDevice], _ format: LogFormat) {
    knowledge = HostKnowledge(devices)
    self.format = format
    if case .text(let style) = format { text = TextLog(style) } else { text = TextLog(LogStyle()) }
  }

  /// A call's lines.
  mutating func lines(_ call: TracedCall) -> [UInt8] {
    let before = CallDecoder(knowledge: knowledge)
    knowledge.learn(call)
    let decoded = before.decode(call, after: knowledge)
    summary.count(call, decoded)
    switch format {
    case .json: return JSONLog.line(call, decoded)
    case .text: return Array((heading() + text.line(call, decoded)).utf8)
    }
  }

  /// An event's lines.
  mutating func lines(_ event: TracedEvent, at time: UInt64) -> [UInt8] {
    summary.count(event, at: time, knowledge)
    if case .released(let file) = event { knowledge.release(file) }
    switch format {
    case .json: return JSONLog.line(event, at: time)
    case .text:
      if case .leftBehind(0, 0) = event { return [] }
      return Array((heading() + text.line(event, at: time)).utf8)
    }
  }

  /// The end of the log: what is still folded, and the summary.
  mutating func ending() -> [UInt8] {
    switch format {
    case .json: return summary.json
    case .text(let style): return Array((text.endRun() + summary.text(style)).utf8)
    }
  }

  /// Which devices there are and what the columns mean, once.
  private mutating func heading() -> String {
    guard !hasHeading else { return "" }
    hasHeading = true
    let devices = knowledge.devices.keys.sorted().map { knowledge.deviceName($0) }
    return (devices.isEmpty ? "" : "devices: " + devices.joined(separator: ", ") + "\n")
      + text.heading
  }
}
