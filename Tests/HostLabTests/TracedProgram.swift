import HostABI
import HostSystem
import LogText
import SoftHost

@testable import HostLab

/// A program on a software host whose calls are traced, as a supervisor would.
///
/// Time is counted in calls, so that the same program writes the same log.
final class TracedProgram {
  let host: SoftwareHost
  let process: SoftProcess
  private(set) var writer: LogWriter
  private(set) var output: [UInt8] = []
  private var files: [Int32: TracedFile] = [:]
  private var fileCount = 0
  private var clock: UInt64 = 0

  init(
    _ format: LogFormat = .text(LogStyle()), answersMockRequests: Bool = false
  ) throws {
    let description = try HostDescription.server(answersMockRequests: answersMockRequests)
    host = try SoftwareHost(description)
    process = host.makeProcess()
    let devices = description.devices.enumerated().prefix(1).map { index, device in
      LogDevice(index: index, address: device.address, config: device.function.config)
    }
    writer = LogWriter(Array(devices), format)
  }

  var text: String { String(decoding: output, as: UTF8.self) }

  /// The lines without heading, times and thread: from the file on.
  var lines: [String] {
    text.split(separator: "\n").dropFirst(2).map { String($0.dropFirst(30)) }
  }

  func record(_ event: TracedEvent) { output += writer.lines(event, at: clock) }

  func end() { output += writer.ending() }

  func open(_ path: String, _ kind: TracedFile.Kind) throws -> Int32 {
    let result = Result { () throws(LinuxErrno) in try process.open(path) }
    var file: TracedFile?
    if case .success(let descriptor) = result { file = name(descriptor, kind) }
    trace(nil, file, .open(path: path), result.map { Int64($0) })
    return try result.get()
  }

  func name(_ descriptor: Int32, _ kind: TracedFile.Kind) -> TracedFile {
    fileCount += 1
    let file = TracedFile(kind, number: fileCount)
    files[descriptor] = file
    return file
  }

  func close(_ descriptor: Int32) throws {
    let file = files.removeValue(forKey: descriptor)
    try process.close(descriptor)
    trace(file, nil, .close, .success(0))
    if let file { record(.released(file)) }
  }

  @discardableResult
  func request<Argument: WireStructure>(
    _ number: UInt32, _ descriptor: Int32, _ argument: inout Argument, about: Int32? = nil
  ) throws -> Result<Int64, LinuxErrno> {
    let page = try process.allocate(4096, [.read, .write])
    let before = try argument.bytes()
    try process.store(before, page)
    let given = TracedAttachment.of(number, before)
    var attached: [UInt8] = []
    if let given, !given.isAnswer {
      attached = (try? process.load(given.address, given.byteCount)) ?? []
    }
    let result = Result { () throws(LinuxErrno) in
      Int64(try process.ioctl(descriptor, number, page))
    }
    let after = try process.load(page, before.count)
    if let given, given.isAnswer {
      attached = (try? process.load(given.address, given.byteCount)) ?? []
    }
    argument = try Argument(bytes: after)
    trace(
      files[descriptor], about.flatMap { files[$0] },
      .ioctl(request: number, before: before, after: after), result, attached)
    return result
  }

  func read(_ descriptor: Int32, _ count: Int, at offset: UInt64) throws {
    let page = try process.allocate(4096, [.read, .write])
    let result = Result { () throws(LinuxErrno) in
      Int64(try process.pread(descriptor, page, count, at: offset))
    }
    trace(
      files[descriptor], nil,
      .read(count: count, offset: offset, bytes: try process.load(page, min(count, 64))), result)
  }

  private func trace(
    _ file: TracedFile?, _ other: TracedFile?, _ call: TracedCall.Call,
    _ result: Result<Int64, LinuxErrno>, _ attached: [UInt8] = []
  ) {
    clock += 1_000_000
    output += writer.lines(
      TracedCall(
        start: clock, duration: 5000, process: 100, thread: 100, file: file, other: other,
        call: call, attached: attached, result: result))
  }
}

extension WireStructure {
  /// The structure's bytes, by way of memory that holds both.
  func bytes() throws -> [UInt8] {
    let memory = try AnonymousMemory(byteCount: 4096)
    memory.store(self, at: 0)
    return memory.read(at: 0, count: Self.byteCount)
  }

  /// The structure of such bytes.
  init(bytes: [UInt8]) throws {
    let memory = try AnonymousMemory(byteCount: 4096)
    memory.write(bytes, at: 0)
    self = memory.load(Self.self, at: 0)
  }
}
