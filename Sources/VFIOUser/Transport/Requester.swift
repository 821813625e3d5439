import HostABI
import HostSystem
import Hardware
import Synchronization

/// Sends requests of this side and waits for their answers.
final class Requester: Sendable {
  let outbox: Outbox
  let table = RequestTable()
  /// How long an answer may take.
  let milliseconds: Int64
  /// The thread that receives; 0 before it has begun.
  private let ownThread = Atomic<Int32>(0)
  private let onTimeout: @Sendable (UserCommand) -> Void

  init(
    _ outbox: Outbox, milliseconds: Int64,
    onTimeout: @escaping @Sendable (UserCommand) -> Void = { _ in }
  ) {
    self.outbox = outbox
    self.milliseconds = milliseconds
    self.onTimeout = onTimeout
  }

  /// This thread is the one that receives: it must not wait for answers.
  func adoptThread() { ownThread.store(Calls.ownThread, ordering: .releasing) }

  var isOnOwnThread: Bool { ownThread.load(ordering: .acquiring) == Calls.ownThread }

  /// Sends a request and waits for its answer.
  ///
  /// - Parameters:
  ///   - command: What is asked.
  ///   - payload: The bytes behind the header.
  ///   - tail: More of them.
  ///   - files: Descriptors that go with it.
  /// - Returns: The answer, which tells of no error.
  /// - Throws: The peer's errno; `EDEADLOCK` on the receiving thread; `EIO` when no answer comes.
  func ask(
    _ command: UserCommand, _ payload: [UInt8], _ tail: Span<UInt8> = Span(),
    files: [ReceivedFile] = []
  ) throws(LinuxErrno) -> RequestTable.Reply {
    guard !isOnOwnThread else { throw .EDEADLOCK }
    guard let request = table.begin(command) else { throw .EIO }
    let message = Self.message(
      UserHeader(id: request.id, command: command, byteCount: 0), payload, andMore: tail.count)
    guard outbox.send(message.span, tail, files, .patient) else {
      table.cancel(request.id)
      throw .EIO
    }
    guard let reply = table.wait(request, milliseconds: milliseconds) else {
      if !table.isOver { onTimeout(command) }
      throw .EIO
    }
    guard !reply.header.hasError else {
      let errno = Int32(truncatingIfNeeded: reply.header.error)
      throw (1...4095).contains(errno) ? LinuxErrno(rawValue: errno) : .EIO
    }
    return reply
  }

  /// Sends a request whose answer nobody waits for.
  ///
  /// - Parameters:
  ///   - command: What is asked.
  ///   - payload: The bytes behind the header.
  ///   - tail: More of them.
  /// - Returns: Whether it goes.
  func post(_ command: UserCommand, _ payload: [UInt8], _ tail: Span<UInt8>) -> Bool {
    guard let id = table.post(command) else { return false }
    let message = Self.message(
      UserHeader(id: id, command: command, byteCount: 0), payload, andMore: tail.count)
    guard outbox.send(message.span, tail, [], .posted) else {
      table.cancel(id)
      return false
    }
    return true
  }

  /// A message, or its first part; the header's size is set.
  static func message(
    _ header: UserHeader, _ payload: [UInt8], andMore tailByteCount: Int = 0
  ) -> [UInt8] {
    var header = header
    let byteCount = UserHeader.byteCount + payload.count
    header.byteCount = UInt32(truncatingIfNeeded: byteCount + tailByteCount)
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var span = bytes.mutableSpan
    header.write(into: &span)
    span.store(payload.span, at: UserHeader.byteCount)
    return bytes
  }
}
