import Hardware
import LogText

/// The log as text: one aligned line an event, repeats folded.
struct ServeTextLog: Sendable {
  let style: LogStyle
  /// The events that repeat the line written last.
  private var run: Run?

  private struct Run: Sendable {
    var device: String
    var key: String
    var count = 0
    var offsets: ClosedRange<UInt64>?
    /// Bytes that were moved or mapped.
    var byteCount: UInt64 = 0
  }

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
    let key = style.showsAll ? nil : event.repeatKey(function)
    if let key, run?.key == key, run?.device == device {
      fold(event)
      return ""
    }
    let ending = endRun()
    if let key { run = Run(device: device, key: key) }
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
    guard let run, run.count > 0 else {
      self.run = nil
      return ""
    }
    self.run = nil
    var text = "… \(HumanText.count(run.count)) more"
    if let offsets = run.offsets {
      text +=
        offsets.count == 1
        ? " at \(offsets.lowerBound.hex)" : ", \(offsets.lowerBound.hex)…\(offsets.upperBound.hex)"
    }
    if run.byteCount > 0 { text += ", \(HumanText.amount(run.byteCount))" }
    return String(repeating: " ", count: 13 + Self.deviceWidth + 1 + Self.eventWidth + 1)
      + style.paint(text, .muted) + "\n"
  }

  private func prefix(_ time: UInt64, _ device: String) -> String {
    style.paint(HumanText.padded(HumanText.seconds(time), 11, right: true), .muted) + "  "
      + style.paint(HumanText.padded(device, Self.deviceWidth), .file) + " "
  }

  private mutating func fold(_ event: ServeEvent) {
    run?.count += 1
    switch event {
    case .access(_, let offset, _, _, _):
      let old = run?.offsets ?? offset...offset
      run?.offsets = min(old.lowerBound, offset)...max(old.upperBound, offset)
    case .dma(_, _, let byteCount, _, _): run?.byteCount &+= UInt64(max(0, byteCount))
    case .mapped(let range, _, _, _): run?.byteCount &+= range.upperBound &- range.lowerBound &+ 1
    case .unmapped(let range): run?.byteCount &+= range.upperBound &- range.lowerBound &+ 1
    default: break
    }
  }
}
