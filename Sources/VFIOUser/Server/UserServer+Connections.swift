import HostABI
import HostSystem
import Synchronization

extension UserServer {
  /// Waits for a client and hands it on; whether to wait for another.
  func acceptNext(_ listener: ReceivedFile) -> Bool {
    let socket: ReceivedFile
    do throws(CallFailure) {
      socket = ReceivedFile(owning: try Calls.accept(listener.descriptor))
    } catch {
      if state.withLock({ $0.hasEnded }) { return false }
      // Out of descriptors or memory, say: that may pass.
      Calls.pause(microseconds: 100_000)
      return true
    }
    let channel = SocketChannel(socket)
    var isTaken = take(channel)
    if !isTaken {
      _ = isFree.take(milliseconds: patience.turn)
      isTaken = take(channel)
    }
    if !isTaken, !state.withLock({ $0.hasEnded }) {
      observer?.note(
        .refused(
          message: "connection", why: "another client is served",
          errno: LinuxErrno.EBUSY.rawValue))
      turnAway(channel)
    }
    return state.withLock { !$0.hasEnded }
  }

  /// Answers the first message of a client that is not served, and ends its connection.
  ///
  /// A client that gets an answer can say what is wrong; QEMU trips over a stream that ends instead.
  private func turnAway(_ channel: SocketChannel) {
    // It had its turn to send; one that is silent holds up those behind it.
    channel.limitReceiving(milliseconds: patience.parting)
    var reader = MessageReader()
    var files: [ReceivedFile] = []
    if let header = try? reader.next(from: channel, files: &files), header.isCommand {
      var reply = [UInt8](repeating: 0, count: UserHeader.byteCount)
      var span = reply.mutableSpan
      UserHeader(
        id: header.id, command: header.command, byteCount: UserHeader.byteCount,
        flags: UserHeader.reply | UserHeader.failed, error: UInt32(LinuxErrno.EBUSY.rawValue)
      ).write(into: &span)
      _ = try? channel.send(reply.span, Span(), [])
    }
    channel.shutDown()
  }

  /// Makes a client the one that is served, when there is no other.
  private func take(_ channel: SocketChannel) -> Bool {
    let worker = state.withLock { state -> ServiceThread? in
      guard state.connection == nil, !state.hasEnded else { return nil }
      state.connection = channel
      state.isWaiting = true
      isFree.clear()
      return state.worker
    }
    worker?.poke()
    return worker != nil
  }

  /// Serves the client that waits, if one does.
  func serveWaiting() {
    let channel = state.withLock { state in
      defer { state.isWaiting = false }
      return state.isWaiting ? state.connection : nil
    }
    guard let channel else { return }
    serve(channel)
    state.withLock { state in
      state.connection = nil
      // Within the lock: given later, it would tell whoever waits for the next client to end.
      isFree.give()
    }
  }

  private func serve(_ channel: SocketChannel) {
    let observer = observer
    let observe: @Sendable (UserServerEvent) -> Void = { observer?.note($0) }
    let outbox = Outbox(channel)
    let requester = Requester(outbox, milliseconds: replyMilliseconds) { command in
      observe(.replyTimeout(message: "\(command)"))
    }
    requester.adoptThread()
    let dispatcher = UserDispatcher(device, requester: requester, observe: observe)
    channel.limitReceiving(milliseconds: patience.version)
    let reason = Self.run(channel, dispatcher) { channel.limitReceiving(milliseconds: nil) }
    let wasClient = dispatcher.hasVersion
    channel.shutDown()
    requester.table.close()
    outbox.close()
    dispatcher.end()
    // Whoever only looks whether somebody listens was no client.
    if wasClient || reason != MessageReader.Stop.end.words { observe(.disconnected(reason)) }
  }

  /// Handles messages until the connection is to end.
  ///
  /// - Parameters:
  ///   - channel: Where they come from.
  ///   - dispatcher: Who answers them.
  ///   - onVersion: Called once, when a version was agreed on.
  /// - Returns: Why it is to end.
  static func run(
    _ channel: any Channel, _ dispatcher: UserDispatcher, onVersion: () -> Void = {}
  ) -> String {
    var isNew = true
    var reader = MessageReader()
    var files: [ReceivedFile] = []
    while true {
      let header: UserHeader
      do throws(MessageReader.Stop) {
        header = try reader.next(from: channel, files: &files)
      } catch {
        if isNew, case .failed(.ETIMEDOUT) = error { return "no version was agreed on in time" }
        return error.words
      }
      if header.type == 1 {
        dispatcher.take(header, &reader, files)
      } else if case .disconnect(let why) = dispatcher.handle(header, reader.payload, files) {
        return why
      }
      if isNew, dispatcher.hasVersion {
        isNew = false
        onVersion()
      }
      if !files.isEmpty { files.removeAll() }
    }
  }
}

extension MessageReader.Stop {
  /// The reason in words.
  var words: String {
    switch self {
    case .end: "the client closed the connection"
    case .cutShort: "the client closed the connection within a message"
    case .size(let size): "a header states a message of \(size) bytes"
    case .descriptors: "too many descriptors came"
    case .failed(let errno): "the connection failed: \(errno)"
    }
  }
}
