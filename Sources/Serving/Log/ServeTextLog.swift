import Hardware
import LogText
import VirtualIOMMU

/// The log as text: one aligned line an event, repeats folded.
struct ServeTextLog: Sendable {
  let style: LogStyle
  /// The lines written last that an event may repeat, the latest last.
  private var recent: [Line] = []
  /// The events that repeat one of them.
  private var run = Run()

  private struct Line: Hashable, Sendable {
    var device: String
    var key: String
  }

  private struct Run: Sendable {
    var count = 0
    /// How many lines back the oldest one is that was repeated.
    var depth = 0
    var offsets: ClosedRange<UInt64>?
    /// Bytes that were moved or mapped.
    var byteCount: UInt64 = 0
    /// Invalidations.
    var invalidations = 0
  }

  /// As many lines back an event may repeat: drivers poll with some accesses in turn.
  private static let window = 4
  private static let deviceWidth = 9
  private static let eventWidth = 13

  init(_ style: LogStyle) { self.style = style }

  /// What the columns mean.
  var heading: String {
    let columns =
      HumanText.padded("seconds", 11, right: true) + "  "
      + HumanText.padded("device", Self.deviceWidth) + " "
      + HumanText.padded("event", Self.eventWidth) + " what"
    return style.paint(columns, .muted) + "\n"
  }

  /// An event's line, with what ends the line before; empty when it is folded into that.
  mutating func line(
    _ event: ServeEvent, of device: String, _ function: LoggedFunction?, at time: UInt64
  ) -> String {
    let line =
      style.showsAll ? nil : event.repeatKey(function).map { Line(device: device, key: $0) }
    if let line, let index = recent.lastIndex(of: line) {
      fold(event, depth: recent.count - index)
      return ""
    }
    let ending = endRun()
    if let line {
      if recent.count == Self.window { recent.removeFirst() }
      recent.append(line)
    } else {
      recent.removeAll()
    }
    let words = event.words(function)
    return ending + prefix(time, device)
      + style.paint(HumanText.padded(words.event, Self.eventWidth), .name) + " "
      + style.paint(words.text, words.tint) + "\n"
  }

  /// A line of the log's own.
  mutating func remark(_ text: String, at time: UInt64) -> String {
    endRun() + prefix(time, "") + style.paint(text, .bad) + "\n"
  }

  /// The line that counts repeats, when there were any.
  mutating func endRun() -> String {
    guard run.count > 0 else { return "" }
    defer {
      run = Run()
      recent.removeAll()
    }
    var text = "… \(HumanText.count(run.count)) more"
    if run.depth > 1 { text += " like the last \(run.depth)" }
    if let offsets = run.offsets {
      text +=
        offsets.count == 1
        ? " at \(offsets.lowerBound.hex)" : ", \(offsets.lowerBound.hex)…\(offsets.upperBound.hex)"
    }
    if run.byteCount > 0 { text += ", \(HumanText.amount(run.byteCount))" }
    if run.invalidations > 0 {
      text += ", " + HumanText.count(run.invalidations, "invalidation")
    }
    return String(repeating: " ", count: 13 + Self.deviceWidth + 1 + Self.eventWidth + 1)
      + style.paint(text, .muted) + "\n"
  }

  private func prefix(_ time: UInt64, _ device: String) -> String {
    style.paint(HumanText.padded(HumanText.seconds(time), 11, right: true), .muted) + "  "
      + style.paint(HumanText.padded(device, Self.deviceWidth), .file) + " "
  }

  private mutating func fold(_ event: ServeEvent, depth: Int) {
    run.count += 1
    run.depth = max(run.depth, depth)
    switch event {
    case .access(_, let offset, _, _, _):
      let old = run.offsets ?? offset...offset
      run.offsets = min(old.lowerBound, offset)...max(old.upperBound, offset)
    case .dma(_, _, let byteCount, _, _): run.byteCount &+= UInt64(max(0, byteCount))
    case .invalidated(let batch): run.invalidations &+= batch.count
    case .mapped(let range, _, _, _): run.byteCount &+= range.upperBound &- range.lowerBound &+ 1
    case .unmapped(let range): run.byteCount &+= range.upperBound &- range.lowerBound &+ 1
    default: break
    }
  }
}
