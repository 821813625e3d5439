import HostABI
import Hardware

/// Answers the messages of one client: checks everything, calls the device, writes the reply.
///
/// For one thread, the connection's own.
final class UserDispatcher {
  /// What is to become of the connection.
  enum Verdict: Sendable {
    /// The next message may come.
    case goOn
    /// It ends, for this reason.
    case disconnect(String)
  }

  let device: any UserDevice
  let information: UserDeviceInformation
  let peer: ConnectionPeer
  let observe: @Sendable (UserServerEvent) -> Void
  var mappings = MappingTable()
  var hasVersion = false
  /// Whether the client has let the device note what it writes.
  var isTracking = false
  /// The reply that is being written, header included.
  var reply = ReplyBuffer()
  /// Descriptors that go with it.
  var replyFiles: [ReceivedFile] = []

  /// Makes a dispatcher for a client that has just connected.
  init(
    _ device: any UserDevice, requester: Requester,
    observe: @escaping @Sendable (UserServerEvent) -> Void
  ) {
    self.device = device
    information = device.information
    peer = ConnectionPeer(requester)
    self.observe = observe
  }

  /// The client is gone.
  func end() {
    guard hasVersion else { return }
    if isTracking {
      try? device.migration?.trackWrites(nil, pageSize: UserLimits.migrationPageSize)
    }
    isTracking = false
    device.detached()
    hasVersion = false
    mappings = MappingTable()
  }

  /// Handles a message.
  ///
  /// - Parameters:
  ///   - header: Its header.
  ///   - payload: The bytes behind it.
  ///   - files: The descriptors that came with it; those that nobody wants close.
  /// - Returns: What is to become of the connection.
  func handle(
    _ header: UserHeader, _ payload: Span<UInt8>, _ files: [ReceivedFile]
  ) -> Verdict {
    switch header.type {
    case 0: return answer(header, payload, files)
    case 1:
      note(peer.requester.table.complete(header, payload, files), header)
      return .goOn
    default: return .disconnect("a message is neither a command nor a reply")
    }
  }

  /// Takes a reply; as ``handle(_:_:_:)`` does, but without a copy of a large one.
  func take(_ header: UserHeader, _ reader: inout MessageReader, _ files: [ReceivedFile]) {
    note(peer.requester.table.complete(header, &reader, files), header)
  }

  private func note(_ outcome: RequestTable.Outcome, _ header: UserHeader) {
    switch outcome {
    case .delivered, .done: break
    case .refused(let command, let errno):
      observe(
        .refused(message: "\(command)", why: "the client refuses our message", errno: errno))
    case .unknown:
      observe(
        .refused(message: "\(header.command)", why: "a reply to nothing that we asked", errno: 0))
    }
  }

  private func answer(
    _ header: UserHeader, _ payload: Span<UInt8>, _ files: [ReceivedFile]
  ) -> Verdict {
    guard hasVersion || header.command == .version else {
      return .disconnect("\(header.command) came before VERSION")
    }
    do throws(Refusal) {
      let count = try carryOut(header, payload, files)
      if header.wantsNoReply {
        replyFiles = []
        return .goOn
      }
      return send(header, payloadByteCount: count)
    } catch {
      observe(
        .refused(
          message: "\(header.command)", why: error.why, errno: error.errno.rawValue))
      replyFiles = []
      let verdict =
        header.wantsNoReply
        ? .goOn : send(header, payloadByteCount: 0, error: error.errno)
      // Nothing can be agreed on any more.
      guard hasVersion else { return .disconnect(error.why) }
      return verdict
    }
  }

  private func send(
    _ header: UserHeader, payloadByteCount: Int, error: LinuxErrno? = nil
  ) -> Verdict {
    var answer = UserHeader(
      id: header.id, command: header.command,
      byteCount: UserHeader.byteCount + payloadByteCount,
      flags: UserHeader.reply)
    if let error {
      answer.flags |= UserHeader.failed
      answer.error = UInt32(bitPattern: error.rawValue)
    }
    reply.put(answer)
    let outbox = peer.requester.outbox
    let isSent = outbox.send(
      reply.bytes.span.extracting(0..<Int(answer.byteCount)), Span(), replyFiles, .reply)
    if !replyFiles.isEmpty { replyFiles = [] }
    guard isSent else { return .disconnect("nothing can be sent to the client any more") }
    // A client that does not read its replies is not read either.
    outbox.waitUntilLow()
    return .goOn
  }

  /// Sees to it that a reply with so many bytes of payload fits.
  func makeRoom(_ payloadByteCount: Int) { reply.grow(payloadByteCount) }

  /// Writes an integer into the reply's payload.
  func put<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    reply.put(value, at: offset)
  }

  private func carryOut(
    _ header: UserHeader, _ payload: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(Refusal) -> Int {
    let command = header.command
    // The specification names no answer; to a message that breaks what was agreed on it is EINVAL.
    guard files.count <= UserLimits.descriptors else {
      throw Refusal(.EINVAL, "more descriptors than were agreed on")
    }
    if !files.isEmpty, command != .mapDMA, command != .setInterrupts {
      throw Refusal(.EINVAL, "descriptors come with a message that wants none")
    }
    switch command {
    case .regionRead: return try regionRead(payload)
    case .regionWrite: return try regionWrite(payload)
    case .regionWriteMany: return try regionWriteMany(payload)
    case .version: return try version(payload)
    case .mapDMA: return try mapDMA(payload, files)
    case .unmapDMA: return try unmapDMA(payload)
    case .deviceInfo: return try deviceInfo(payload)
    case .regionInfo: return try regionInfo(payload)
    case .regionIOFiles: return try regionIOFiles(payload)
    case .interruptInfo: return try interruptInfo(payload)
    case .setInterrupts: return try setInterrupts(payload, files)
    case .reset: return try reset(payload)
    case .dirtyPages: return try dirtyPages(payload)
    case .feature: return try feature(payload)
    case .readMigrationData: return try readMigrationData(payload)
    case .writeMigrationData: return try writeMigrationData(payload)
    default: throw Refusal(.ENOSYS, "the command is not known, or not for a server")
    }
  }

  private func reset(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    guard payload.count == 0 else { throw Refusal(.EINVAL, "a reset has no fields") }
    do throws(LinuxErrno) { try device.reset() } catch { throw Refusal(device: error) }
    return 0
  }
}
