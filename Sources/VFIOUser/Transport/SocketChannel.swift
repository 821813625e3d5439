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

  /// Waits until there is something to receive, or the end.
  ///
  /// - Parameter milliseconds: How long at most.
  /// - Returns: Whether there is.
  func waitForBytes(milliseconds: Int64) -> Bool {
    let canBeRead: Int16 = 1
    let events = try? Calls.wait(socket.descriptor, for: canBeRead, milliseconds: milliseconds)
    return events.map { $0 != 0 } ?? true
  }

  func shutDown() { Calls.shutDown(socket.descriptor) }
}
