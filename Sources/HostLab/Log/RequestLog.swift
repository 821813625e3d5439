package import HostSystem
package import LogText
import Synchronization
import SystemPackage

/// The log of `passage host`: takes calls and events from any thread and writes them as lines.
///
/// Taking one is an append under a lock of its own; reading, naming and writing happen on another
/// thread, in the order of arrival. A thread that is far ahead of the writing helps with it, so
/// memory stays bounded. A log that cannot be written goes on counting for its summary.
package final class RequestLog: Sendable {
  private enum Record: Sendable {
    case call(TracedCall)
    case event(TracedEvent, UInt64)
  }

  private struct Waiting {
    var records: [Record] = []
    /// Whether somebody was asked to write them.
    var isScheduled = false
  }

  private struct Output {
    var writer: LogWriter
    var problem: HostError?
    var isFinished = false
  }

  /// As many records wait at most before who brings one has to write.
  private static let limit = 4096

  private let waiting = Mutex(Waiting())
  private let output: Mutex<Output>
  private let sink: @Sendable ([UInt8]) throws(HostError) -> Void

  /// Makes a log.
  ///
  /// - Parameters:
  ///   - devices: The host's devices, for names.
  ///   - format: Text or JSON.
  ///   - sink: Takes bytes, on one thread at a time.
  package init(
    devices: [LogDevice], format: LogFormat,
    sink: @escaping @Sendable ([UInt8]) throws(HostError) -> Void
  ) {
    output = Mutex(Output(writer: LogWriter(devices, format)))
    self.sink = sink
  }

  /// Takes a call.
  ///
  /// - Parameter call: The call, with its answer.
  package func record(_ call: TracedCall) { take(.call(call)) }

  /// Takes an event.
  ///
  /// - Parameters:
  ///   - event: What happened.
  ///   - time: Nanoseconds since the program's start.
  package func record(_ event: TracedEvent, at time: UInt64) { take(.event(event, time)) }

  /// Writes what waits and the summary; later records are not written.
  ///
  /// - Returns: What went wrong with writing first, if something did.
  package func finish() -> HostError? {
    write()
    return output.withLock { output in
      guard !output.isFinished else { return output.problem }
      output.isFinished = true
      send(output.writer.ending(), &output)
      return output.problem
    }
  }

  private func take(_ record: Record) {
    let (schedules, isFull) = waiting.withLock { waiting in
      waiting.records.append(record)
      let isFull = waiting.records.count >= Self.limit
      defer { waiting.isScheduled = true }
      return (!waiting.isScheduled, isFull)
    }
    if isFull {
      write()
    } else if schedules {
      Task.detached { [self] in write() }
    }
  }

  /// Writes what waits.
  private func write() {
    output.withLock { output in
      while true {
        let records = waiting.withLock { waiting in
          if waiting.records.isEmpty { waiting.isScheduled = false }
          defer { waiting.records.removeAll() }
          return waiting.records
        }
        guard !records.isEmpty, !output.isFinished else { return }
        var bytes: [UInt8] = []
        for record in records {
          switch record {
          case .call(let call): bytes += output.writer.lines(call)
          case .event(let event, let time): bytes += output.writer.lines(event, at: time)
          }
        }
        send(bytes, &output)
      }
    }
  }

  private func send(_ bytes: [UInt8], _ output: inout Output) {
    guard !bytes.isEmpty, output.problem == nil else { return }
    do { try sink(bytes) } catch { output.problem = error }
  }
}

extension RequestLog {
  /// Opens a log's file.
  ///
  /// - Parameters:
  ///   - options: Where the log goes and how it looks; the file is made anew.
  ///   - devices: The host's devices.
  /// - Throws: ``HostError`` when the file cannot be made.
  package convenience init(_ options: LogOptions, devices: [LogDevice]) throws(HostError) {
    let file = try LogFile(options.path)
    self.init(devices: devices, format: options.format(of: file)) {
      bytes throws(HostError) in try file.write(bytes)
    }
  }
}
