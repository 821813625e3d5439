import Hardware
import LogText

/// The log as text: one aligned line a call, repeats folded.
struct TextLog: Sendable {
  let style: LogStyle
  /// The calls that repeat the line written last.
  private var run: Run?

  private struct Run: Sendable {
    var key: String
    var count = 0
    var duration: UInt64 = 0
    var offsets: ClosedRange<UInt64>?
    /// Bytes that devices moved.
    var byteCount: UInt64 = 0

    /// Widens the range of offsets; an access is known by its first byte.
    mutating func note(_ offset: UInt64) {
      guard let old = offsets else {
        offsets = offset...offset
        return
      }
      offsets = min(old.lowerBound, offset)...max(old.upperBound, offset)
    }
  }

  /// Columns of a request's name and of its file.
  private static let nameWidth = 22
  private static let fileWidth = 10

  init(_ style: LogStyle) { self.style = style }

  /// What the columns mean; the first line of a log.
  var heading: String {
    let columns =
      HumanText.padded("seconds", 11, right: true) + HumanText.padded("thread", 8, right: true)
      + HumanText.padded("took", 9, right: true) + "  "
      + HumanText.padded("file", Self.fileWidth) + " "
      + HumanText.padded("request", Self.nameWidth) + " fields = result"
    return style.paint(columns, .muted) + "\n"
  }

  /// A call's line, with what ends the line before; empty when the call is folded into that.
  mutating func line(_ call: TracedCall, _ decoded: DecodedCall) -> String {
    if let key = decoded.repeatKey, !style.showsAll {
      if run?.key == key {
        run?.count += 1
        run?.duration &+= call.duration
        if let offset = decoded.regionOffset { run?.note(offset) }
        return ""
      }
    }
    let ending = endRun()
    if let key = decoded.repeatKey { run = Run(key: key) }
    return ending + prefix(call.start, call.thread, call.duration, call.file?.name ?? "")
      + style.paint(HumanText.padded(decoded.shortName, Self.nameWidth), .name) + " "
      + body(call, decoded) + "\n"
  }

  /// The line of something that is not a call.
  mutating func line(_ event: TracedEvent, at time: UInt64) -> String {
    let (text, tint) = event.wording
    let file = event.subject
    let key = event.repeatKey
    if run?.key == key, !style.showsAll {
      run?.count += 1
      run?.byteCount &+= event.byteCount
      return ""
    }
    let ending = endRun()
    run = Run(key: key)
    return ending + style.paint(HumanText.padded(HumanText.seconds(time), 11, right: true), .muted)
      + String(repeating: " ", count: 19)
      + style.paint(HumanText.padded(file, Self.fileWidth), .file) + " "
      + style.paint(text, tint) + "\n"
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
    if run.duration > 0 { text += ", \(HumanText.duration(run.duration)) together" }
    return String(repeating: " ", count: 41) + style.paint(text, .muted) + "\n"
  }

  private func prefix(
    _ start: UInt64, _ thread: Int32, _ duration: UInt64, _ file: String
  ) -> String {
    style.paint(
      HumanText.padded(HumanText.seconds(start), 11, right: true)
        + HumanText.padded("\(thread)", 8, right: true)
        + HumanText.padded(HumanText.duration(duration), 9, right: true), .muted) + "  "
      + style.paint(HumanText.padded(file, Self.fileWidth), .file) + " "
  }

  private func body(_ call: TracedCall, _ decoded: DecodedCall) -> String {
    var text = decoded.fields.filter(\.isShown).map(\.text).joined(separator: ", ")
    if !text.isEmpty { text += " " }
    if decoded.errno != nil {
      text += style.paint("= " + decoded.outcome, .bad)
      if let reason = decoded.reason { text += style.paint(": " + reason, .bad) }
    } else {
      text += "= " + style.paint(decoded.outcome, .good)
    }
    if let note = call.note { text += style.paint("  (\(note))", .caution) }
    return text
  }
}
