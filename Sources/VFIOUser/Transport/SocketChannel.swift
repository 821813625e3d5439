import HostABI
import HostSystem
import Synchronization

/// A channel over a stream socket.
final class SocketChannel: Channel {
  private let socket: ReceivedFile

  /// How long ``sendPatiently(_:_:_:)`` waits.
  private static let patience: Int64 = 100

  /// Room for bytes that the peer has not taken; Linux allows what it allows.
  private static let roomBytes: Int32 = 1 << 20

  /// When nothing is received any more; `nil` for never.
  private let end = Mutex<ContinuousClock.Instant?>(nil)
  private let hasEnd = Atomic(false)

  /// Whether ``sendPatiently(_:_:_:)`` has prepared the socket.
  private let isPrepared = Atomic(false)

  /// Takes a connected socket over.
  init(_ socket: ReceivedFile) { self.socket = socket }

  /// Most connections send no large messages, so this is done before the first.
  private func prepare() {
    guard !isPrepared.exchange(true, ordering: .relaxed) else { return }
    // Without a limit a peer that takes nothing would only be noticed when it is gone.
    try? Calls.limitSending(socket.descriptor, milliseconds: Self.patience)
    // The more fits, the less often both sides wait for each other.
    try? Calls.setSendRoom(socket.descriptor, byteCount: Self.roomBytes)
  }

  func receive(
    into buffer: inout [UInt8], at offset: Int, files: inout [ReceivedFile]
  ) throws(LinuxErrno) -> (byteCount: Int, isCut: Bool) {
    try receive(nil, &buffer, offset, &files)
  }

  func receive(
    _ count: Int, into buffer: inout [UInt8], at offset: Int, files: inout [ReceivedFile]
  ) throws(LinuxErrno) -> (byteCount: Int, isCut: Bool) {
    try receive(count, &buffer, offset, &files)
  }

  private func receive(
    _ count: Int?, _ buffer: inout [UInt8], _ offset: Int, _ files: inout [ReceivedFile]
  ) throws(LinuxErrno) -> (byteCount: Int, isCut: Bool) {
    var count = count
    if hasEnd.load(ordering: .relaxed), let end = end.withLock({ $0 }) {
      try waitForBytes(until: end)
      // Only what is there: the rest may never come.
      count = nil
    }
    // Empty arrays own no memory; one is made only when descriptors come.
    var descriptors: [Int32] = []
    do throws(CallFailure) {
      let result = try Calls.receive(
        socket.descriptor, into: &buffer, at: offset, all: count, descriptors: &descriptors)
      for descriptor in descriptors { files.append(ReceivedFile(owning: descriptor)) }
      return result
    } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
  }

  func send(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int {
    try send(bytes, tail, files, waits: false)
  }

  func sendPatiently(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int {
    prepare()
    return try send(bytes, tail, files, waits: true)
  }

  private func send(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ files: [ReceivedFile], waits: Bool
  ) throws(LinuxErrno) -> Int {
    do throws(CallFailure) {
      guard !files.isEmpty else {
        return try Calls.send(socket.descriptor, bytes, tail, waits: waits)
      }
      return try Calls.send(
        socket.descriptor, bytes, tail, descriptors: files.map(\.descriptor), waits: waits)
    } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
  }

  func waitForRoom(milliseconds: Int64) -> Bool {
    let canBeWritten: Int16 = 4
    let events = try? Calls.wait(
      socket.descriptor, for: canBeWritten, milliseconds: milliseconds)
    // An error or the end counts too: the next try to send says which.
    return events.map { $0 != 0 } ?? true
  }

  /// Limits how long everything together takes that is received from now on.
  ///
  /// What is received later fails with `ETIMEDOUT`, however much is there.
  ///
  /// - Parameter milliseconds: How long; `nil` for no limit any more.
  func limitReceiving(milliseconds: Int64?) {
    end.withLock { $0 = milliseconds.map { ContinuousClock.now + .milliseconds($0) } }
    hasEnd.store(milliseconds != nil, ordering: .relaxed)
  }

  /// Waits until there is something to receive, or the end of the stream.
  private func waitForBytes(until end: ContinuousClock.Instant) throws(LinuxErrno) {
    let canBeRead: Int16 = 1
    let left = ContinuousClock.now.duration(to: end).components
    let milliseconds = left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000
    guard milliseconds > 0 else { throw .ETIMEDOUT }
    do throws(CallFailure) {
      let events = try Calls.wait(
        socket.descriptor, for: canBeRead, milliseconds: milliseconds)
      if events == 0 { throw CallFailure(errno: LinuxErrno.ETIMEDOUT.rawValue) }
    } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
  }

  func shutDown() { Calls.shutDown(socket.descriptor) }
}
