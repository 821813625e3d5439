package import HostSystem
package import LogText
import Hardware
import Synchronization

/// The log of `passage serve`: takes events from any thread and writes them as lines on its own.
///
/// Taking one is an append under a lock; naming and writing happen on the log's thread, in the order
/// of arrival. Whoever brings an event never waits: events that come faster than they can be written
/// are counted, and the log says how many are missing. A log that cannot be written goes on counting
/// for its summary.
package final class ServeLog: ServeTrace {
  /// Whether accesses to registers and memory are wanted.
  package let wantsAccesses: Bool

  private let queue: EventQueue
  private let output: LogOutput
  private let thread: ServiceThread
  private let clock = RunClock()

  /// Makes a log.
  ///
  /// - Parameters:
  ///   - format: Text or JSON.
  ///   - wantsAccesses: Whether accesses to registers and memory are logged.
  ///   - limit: How many events may wait for being written.
  ///   - sink: Takes bytes, on one thread at a time.
  package init(
    format: LogFormat, wantsAccesses: Bool = true, limit: Int = 1 << 15,
    sink: @escaping @Sendable ([UInt8]) throws(HostError) -> Void
  ) {
    self.wantsAccesses = wantsAccesses
    let queue = EventQueue(limit: limit)
    let output = LogOutput(format, sink)
    self.queue = queue
    self.output = output
    thread = ServiceThread {
      output.write(queue)
      return false
    }
  }

  /// Opens a log's file.
  ///
  /// - Parameter options: Where the log goes and how it looks.
  /// - Throws: ``HostError`` when the file cannot be made.
  package convenience init(_ options: LogOptions) throws(HostError) {
    let file = try LogFile(options.path)
    self.init(format: options.format(of: file)) {
      bytes throws(HostError) in try file.write(bytes)
    }
  }

  /// Learns what is served, for the names of registers; before the first client connects.
  ///
  /// - Parameter functions: What is served.
  package func learn(_ functions: [LoggedFunction]) { output.learn(functions) }

  /// Takes an event.
  ///
  /// - Parameters:
  ///   - event: What happened.
  ///   - device: The device's name, or the unit's.
  package func note(_ event: ServeEvent, of device: String) {
    queue.append(EventQueue.Record(event: event, device: device, time: clock.nanoseconds))
    thread.poke()
  }

  /// Writes what waits and the summary; later events are not written.
  ///
  /// - Returns: What went wrong with writing first, if something did.
  package func finish() -> HostError? {
    thread.stop()
    return output.finish(queue)
  }
}

/// Events on their way to the log's thread.
private final class EventQueue: Sendable {
  struct Record: Sendable {
    let event: ServeEvent
    let device: String
    let time: UInt64
  }

  private struct Waiting {
    var records: [Record] = []
    var lost = 0
  }

  private let limit: Int
  private let waiting = Mutex(Waiting())

  init(limit: Int) { self.limit = limit }

  func append(_ record: Record) {
    waiting.withLock { waiting in
      if waiting.records.count < limit {
        waiting.records.append(record)
      } else {
        waiting.lost &+= 1
      }
    }
  }

  /// All that waits, and how many found no room behind it.
  func take() -> (records: [Record], lost: Int) {
    waiting.withLock { waiting in
      defer { waiting = Waiting() }
      return (waiting.records, waiting.lost)
    }
  }
}

/// Where lines are made and written; one thread at a time.
private final class LogOutput: Sendable {
  private struct State {
    var text: ServeTextLog
    var functions: [String: LoggedFunction] = [:]
    var heading = ""
    var summary = ServeSummary()
    var hasHeading = false
    var problem: HostError?
    var isFinished = false
  }

  private let format: LogFormat
  private let sink: @Sendable ([UInt8]) throws(HostError) -> Void
  private let state: Mutex<State>

  init(
    _ format: LogFormat,
    _ sink: @escaping @Sendable ([UInt8]) throws(HostError) -> Void
  ) {
    self.format = format
    self.sink = sink
    let style = if case .text(let style) = format { style } else { LogStyle() }
    state = Mutex(State(text: ServeTextLog(style)))
  }

  func learn(_ functions: [LoggedFunction]) {
    let places = functions.map { "\($0.name) (\($0.place))" }.joined(separator: ", ")
    state.withLock { state in
      state.functions = Dictionary(functions.map { ($0.name, $0) }) { old, _ in old }
      state.heading = functions.isEmpty ? "" : "devices: \(places)\n"
    }
  }

  /// Writes what waits.
  func write(_ queue: EventQueue) {
    state.withLock { state in
      guard !state.isFinished else { return }
      while true {
        let (records, lost) = queue.take()
        guard !records.isEmpty || lost > 0 else { return }
        var bytes: [UInt8] = []
        for record in records { bytes += lines(record, &state) }
        if lost > 0 {
          state.summary.lost &+= lost
          bytes += missing(lost, at: records.last?.time ?? 0, &state)
        }
        send(bytes, &state)
      }
    }
  }

  /// Writes what waits, and the end.
  func finish(_ queue: EventQueue) -> HostError? {
    write(queue)
    return state.withLock { state in
      guard !state.isFinished else { return state.problem }
      state.isFinished = true
      let ending: [UInt8] =
        switch format {
        case .json: state.summary.json
        case .text(let style): Array((state.text.endRun() + state.summary.text(style)).utf8)
        }
      send(ending, &state)
      return state.problem
    }
  }

  private func lines(_ record: EventQueue.Record, _ state: inout State) -> [UInt8] {
    state.summary.count(record.event, of: record.device, at: record.time)
    let function = state.functions[record.device]
    switch format {
    case .json: return record.event.jsonLine(of: record.device, function, at: record.time)
    case .text:
      var text = ""
      if !state.hasHeading {
        state.hasHeading = true
        text = state.heading + state.text.heading
      }
      text += state.text.line(record.event, of: record.device, function, at: record.time)
      return Array(text.utf8)
    }
  }

  private func missing(_ lost: Int, at time: UInt64, _ state: inout State) -> [UInt8] {
    switch format {
    case .text: Array(state.text.remark(ServeSummary.lostText(lost), at: time).utf8)
    case .json:
      JSONLine.object { json in
        json.string("type", "lost")
        json.number("time_ns", time)
        json.number("events", lost)
      }
    }
  }

  private func send(_ bytes: [UInt8], _ state: inout State) {
    guard !bytes.isEmpty, state.problem == nil else { return }
    do { try sink(bytes) } catch { state.problem = error }
  }
}
