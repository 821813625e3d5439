import HostSystem
import SystemPackage

/// What goes to standard error: problems, notes, and progress on long work.
final class Messages {
  /// Problems that are printed one by one; more are only counted.
  private static let shown = 20
  /// Columns that one message may take.
  private static let width = 2000

  private(set) var problems = 0
  private var notes = 0
  private(set) var gaveUp = false
  private var steps = 0
  private var start: ContinuousClock.Instant?
  private var lastShown: ContinuousClock.Instant?
  private let showsProgress = Terminal.showsProgress
  private var sink = ByteSink(.standardError)

  /// Reports input that could not be used.
  func problem(_ problem: InputProblem) { self.problem("\(problem)") }

  /// Reports something that could not be done.
  func problem(_ text: String) {
    problems += 1
    if problems <= Self.shown { say("error: \(text)") }
  }

  /// Reports something that ends the work.
  func giveUp(_ text: String) {
    guard !gaveUp else { return }
    gaveUp = true
    problem(text)
  }

  /// Says something that is no problem.
  func note(_ text: String) {
    notes += 1
    if notes <= Self.shown { say("note: \(text)") }
  }

  /// Says how many problems were not printed, and ends the line of progress.
  func finish() {
    clearProgress()
    if notes > Self.shown { say("note: \(notes - Self.shown) more notes like these") }
    if problems > Self.shown { say("error: \(problems - Self.shown) more problems like these") }
  }

  /// Counts one step, and shows the count once the work takes more than a second.
  func progress() {
    guard showsProgress else { return }
    steps += 1
    if steps & 0x3FF == 0 { showProgress() }
  }

  private func showProgress() {
    let now = ContinuousClock.now
    guard let start else {
      start = now
      return
    }
    guard now - start > .seconds(1), now - (lastShown ?? start) > .milliseconds(200) else { return }
    lastShown = now
    put("\r\(steps) devices read")
  }

  private func clearProgress() {
    guard lastShown != nil else { return }
    lastShown = nil
    put("\r\u{1B}[K")
  }

  private func say(_ text: String) {
    clearProgress()
    put("passage: \(text.plainLine(limit: Self.width))\n")
  }

  private func put(_ text: String) {
    // There is nobody to tell that standard error is closed.
    try? sink.write(text)
    try? sink.flush()
  }
}
