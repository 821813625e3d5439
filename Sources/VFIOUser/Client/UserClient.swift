public import HostABI
import HostSystem
import Hardware
import Synchronization

/// A vfio-user client, as a VMM has one for each device.
///
/// Any thread may ask, and waits for its own answer. What the server asks is answered on a thread of
/// the client's.
public final class UserClient: Sendable {
  private let channel: SocketChannel
  private let requester: Requester
  private let thread = Mutex<ServiceThread?>(nil)
  private let ended = Mutex<String?>(nil)
  private let unanswered = Mutex(0)

  /// Connects to a server; nothing is sent yet.
  ///
  /// - Parameters:
  ///   - path: Where the server's socket is.
  ///   - memory: What the server reaches by messages; without it, such messages stay unanswered.
  ///   - replyMilliseconds: How long the server may take to answer.
  /// - Throws: The errno of `connect`.
  public convenience init(
    path: String, memory: (any UserClientMemory)? = nil, replyMilliseconds: Int64 = 60_000
  ) throws(LinuxErrno) {
    let socket: ReceivedFile
    do throws(CallFailure) {
      socket = ReceivedFile(owning: try Calls.makeSocket())
      try Calls.connect(socket.descriptor, to: path)
    } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
    self.init(
      SocketChannel(socket), memory: memory, replyMilliseconds: replyMilliseconds)
  }

  /// Takes a connected channel over.
  init(
    _ channel: SocketChannel, memory: (any UserClientMemory)?, replyMilliseconds: Int64
  ) {
    self.channel = channel
    requester = Requester(Outbox(channel), milliseconds: replyMilliseconds)
    let thread = ServiceThread { [weak self] in
      self?.receive(memory)
      return false
    }
    self.thread.withLock { $0 = thread }
    thread.poke()
  }

  deinit { disconnect() }

  /// Ends the connection; returns when the memory is used no more.
  public func disconnect() {
    channel.shutDown()
    let thread = self.thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    thread?.stop()
    requester.table.close()
    requester.outbox.close()
  }

  /// Why the connection ended, in words; `nil` while it lives.
  public var end: String? { ended.withLock { $0 } }

  /// How many messages of the server got no answer because there is no memory.
  public var unansweredCount: Int { unanswered.withLock { $0 } }

  /// Sends a message and waits for its reply.
  ///
  /// - Parameters:
  ///   - command: What is asked.
  ///   - payload: The bytes behind the header.
  ///   - files: Descriptors that go with it.
  /// - Returns: The reply's payload and the descriptors that came with it.
  /// - Throws: The server's errno; `EIO` when no reply comes.
  public func ask(
    _ command: UserCommand, _ payload: [UInt8] = [], files: [ReceivedFile] = []
  ) throws(LinuxErrno) -> (payload: [UInt8], files: [ReceivedFile]) {
    let reply = try requester.ask(command, payload, files: files)
    return ([UInt8](copying: reply.payload), reply.files)
  }

  /// Sends a message that wants no reply.
  ///
  /// - Parameters:
  ///   - command: What is asked.
  ///   - payload: The bytes behind the header.
  ///   - files: Descriptors that go with it.
  /// - Returns: Whether it goes.
  @discardableResult
  public func tell(
    _ command: UserCommand, _ payload: [UInt8] = [], files: [ReceivedFile] = []
  ) -> Bool {
    let header = UserHeader(id: 0, command: command, byteCount: 0, flags: UserHeader.noReply)
    return requester.outbox.send(Requester.message(header, payload).span, Span(), files)
  }

  /// Sends any bytes, as somebody hostile would.
  ///
  /// - Parameters:
  ///   - bytes: At least one.
  ///   - files: Descriptors that go with the first.
  /// - Returns: Whether they go.
  @discardableResult
  public func sendRaw(_ bytes: [UInt8], files: [ReceivedFile] = []) -> Bool {
    requester.outbox.send(bytes.span, Span(), files)
  }

  private func receive(_ memory: (any UserClientMemory)?) {
    requester.adoptThread()
    var reader = MessageReader()
    var files: [ReceivedFile] = []
    while true {
      do throws(MessageReader.Stop) {
        let header = try reader.next(from: channel, files: &files)
        if header.isReply {
          _ = requester.table.complete(header, &reader, files)
        } else {
          answer(header, reader.payload, memory)
        }
        files.removeAll()
      } catch {
        ended.withLock { $0 = error.words }
        break
      }
    }
    channel.shutDown()
    requester.table.close()
  }

  /// Answers `VFIO_USER_DMA_READ` and `VFIO_USER_DMA_WRITE`: address and count, 64 bits each.
  private func answer(
    _ header: UserHeader, _ payload: Span<UInt8>, _ memory: (any UserClientMemory)?
  ) {
    guard let memory else {
      unanswered.withLock { $0 += 1 }
      return
    }
    var reply = UserHeader(
      id: header.id, command: header.command, byteCount: 0, flags: UserHeader.reply)
    var bytes: [UInt8] = []
    do throws(LinuxErrno) {
      bytes = try carryOut(header, payload, memory)
      if header.wantsNoReply { return }
    } catch {
      reply.flags |= UserHeader.failed
      reply.error = UInt32(bitPattern: error.rawValue)
    }
    let start = Requester.message(reply, [], andMore: bytes.count)
    _ = requester.outbox.send(start.span, bytes.span, [], .patient)
  }

  private func carryOut(
    _ header: UserHeader, _ payload: Span<UInt8>, _ memory: any UserClientMemory
  ) throws(LinuxErrno) -> [UInt8] {
    guard let address = payload.little(UInt64.self, at: 0),
      let count = payload.little(UInt64.self, at: 8), count <= UInt64(UserLimits.transfer)
    else { throw .EINVAL }
    let place = [UInt8](copying: payload.extracting(0..<16))
    switch header.command {
    case .readDMA:
      let bytes = try memory.read(address, Int(count))
      return [UInt8](copying: place.span, bytes.span)
    case .writeDMA:
      guard payload.count == 16 + Int(count) else { throw .EINVAL }
      try memory.write(address, payload.extracting(16..<payload.count))
      return place
    default: throw .ENOSYS
    }
  }
}
