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
    let request = try begin(command)
    let message = Self.message(
      UserHeader(id: request.id, command: command, byteCount: 0), payload, andMore: tail.count)
    return try settle(
      command, request, outbox.send(message.span, tail, files, .patient) ? .sent : .refused)
  }

  /// Sends a request about the peer's memory and waits for its answer.
  ///
  /// - Parameters:
  ///   - command: What is asked.
  ///   - address: Where the first byte is.
  ///   - byteCount: How many bytes it is about.
  ///   - tail: The bytes, when the peer is to write them.
  ///   - form: How the peer reads it.
  ///   - isOpen: Asked last before the request has its place among all that is sent.
  /// - Returns: The answer, which tells of no error.
  /// - Throws: As ``ask(_:_:_:files:)``; `EPERM` when it was not open.
  func ask(
    _ command: UserCommand, at address: UInt64, byteCount: Int, _ tail: Span<UInt8> = Span(),
    _ form: MemoryForm = .specified, while isOpen: () -> Bool
  ) throws(LinuxErrno) -> RequestTable.Reply {
    let request = try begin(command)
    guard form == .specified || tail.count == 0 else {
      let message = MemoryMessage.narrow(request.id, command, address, tail)
      return try settle(
        command, request, outbox.send(message.span, Span(), [], .patient, while: isOpen))
    }
    let message = MemoryMessage(request.id, command, address, byteCount, tail.count)
    return try settle(
      command, request, outbox.send(message.span, tail, [], .patient, while: isOpen))
  }

  private func begin(
    _ command: UserCommand
  ) throws(LinuxErrno) -> (id: UInt16, slot: RequestTable.Slot) {
    guard !isOnOwnThread else { throw .EDEADLOCK }
    guard let request = table.begin(command) else { throw .EIO }
    return request
  }

  /// Waits for the answer to a request that was sent, or forgets one that was not.
  private func settle(
    _ command: UserCommand, _ request: (id: UInt16, slot: RequestTable.Slot),
    _ outcome: Outbox.Outcome
  ) throws(LinuxErrno) -> RequestTable.Reply {
    guard outcome == .sent else {
      table.cancel(request.id)
      throw outcome == .shut ? .EPERM : .EIO
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

  /// Sends a request to write the peer's memory, whose answer nobody waits for.
  ///
  /// - Parameters:
  ///   - address: Where the first byte goes.
  ///   - bytes: The bytes.
  ///   - form: How the peer reads it.
  ///   - isOpen: Asked last before the request has its place among all that is sent.
  /// - Returns: Whether it goes.
  func post(
    _ address: UInt64, _ bytes: Span<UInt8>, _ form: MemoryForm = .specified,
    while isOpen: () -> Bool
  ) -> Bool {
    guard let id = table.post(.writeDMA) else { return false }
    let outcome: Outbox.Outcome
    if form == .specified {
      let message = MemoryMessage(id, .writeDMA, address, bytes.count, bytes.count)
      outcome = outbox.send(message.span, bytes, [], .posted, while: isOpen)
    } else {
      let message = MemoryMessage.narrow(id, .writeDMA, address, bytes)
      outcome = outbox.send(message.span, Span(), [], .posted, while: isOpen)
    }
    guard outcome == .sent else {
      table.cancel(id)
      return false
    }
    return true
  }

  /// Sends the question how the peer reads messages about its memory, and waits for nothing.
  ///
  /// - Parameter heard: Hears the answer, if one comes.
  /// - Returns: Whether it goes.
  func askForm(_ heard: @escaping @Sendable (MemoryForm) -> Void) -> Bool {
    let id = table.post(.writeDMA) { hasError in heard(MemoryForm(refusesQuestion: hasError)) }
    guard let id else { return false }
    let message = MemoryMessage(id, .writeDMA, 0, MemoryForm.question, 0)
    guard outbox.send(message.span, Span(), [], .posted) else {
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
