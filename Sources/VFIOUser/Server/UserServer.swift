public import HostABI
import HostSystem
import Synchronization

/// A vfio-user server: one socket with one device behind it.
///
/// One client is served at a time, on the server's own thread; others wait until it is gone. When a
/// client is gone, its mappings and interrupts are too, and the next may come.
public final class UserServer: Sendable {
  /// Why a server does not start.
  public enum Problem: Error, Hashable, Sendable {
    /// The path has more than 107 bytes, none, or a zero.
    case path(String)
    /// Another server answers at the path.
    case isServed(String)
    /// Something that is no socket is at the path.
    case isOccupied(String)
    /// The system refused: what was being done, and the errno.
    case system(String, LinuxErrno)
  }

  private struct State {
    var listener: ReceivedFile?
    var connection: SocketChannel?
    var thread: ServiceThread?
    var file: FileIdentity?
    var hasEnded = false
  }

  /// Where the socket is.
  public let path: String
  private let device: any UserDevice
  private let observer: (any UserServerObserver)?
  private let replyMilliseconds: Int64
  private let state = Mutex(State())

  /// Makes a server that does not listen yet.
  ///
  /// - Parameters:
  ///   - path: Where the socket is to be, at most 107 bytes.
  ///   - device: What stands behind it.
  ///   - observer: Who hears what happens.
  ///   - replyMilliseconds: How long a client may take to answer a message of ours.
  public init(
    path: String, device: any UserDevice, observer: (any UserServerObserver)? = nil,
    replyMilliseconds: Int64 = 5000
  ) {
    self.path = path
    self.device = device
    self.observer = observer
    self.replyMilliseconds = replyMilliseconds
  }

  deinit { stop() }

  /// Listens, and serves from now on; once.
  ///
  /// The socket file of a server that died is replaced.
  ///
  /// - Throws: ``Problem``.
  public func start() throws(Problem) {
    let listener = try listen()
    let file = try? Calls.facts(of: path, followingLinks: false).identity
    let thread = ServiceThread { [weak self] in self?.serveNext(listener) ?? false }
    state.withLock { state in
      state.listener = listener
      state.file = file
      state.thread = thread
    }
    observer?.note(.listening(path: path))
    thread.poke()
  }

  /// Ends the connection and the server, and removes the socket file; returns when the device is
  /// called no more.
  public func stop() {
    let (thread, file) = state.withLock { state in
      state.hasEnded = true
      if let listener = state.listener { Calls.shutDown(listener.descriptor) }
      state.connection?.shutDown()
      defer {
        state.thread = nil
        state.file = nil
        state.listener = nil
      }
      return (state.thread, state.file)
    }
    // Only our own file: another server may have replaced it.
    if let file, let now = try? Calls.facts(of: path, followingLinks: false).identity, now == file {
      try? Calls.removeFile(path)
    }
    thread?.stop()
  }

  private func listen() throws(Problem) -> ReceivedFile {
    guard (1...Calls.socketPathLimit).contains(path.utf8.count), !path.utf8.contains(0) else {
      throw .path(path)
    }
    let socket = try attempt("make a socket") { () throws(CallFailure) in
      ReceivedFile(owning: try Calls.makeSocket())
    }
    do throws(CallFailure) {
      try Calls.bind(socket.descriptor, to: path)
    } catch {
      guard error.errno == LinuxErrno.EADDRINUSE.rawValue else {
        throw .system("bind to \(path)", LinuxErrno(rawValue: error.errno))
      }
      try removeStaleFile()
      try attempt("bind to \(path)") { () throws(CallFailure) in
        try Calls.bind(socket.descriptor, to: path)
      }
    }
    try attempt("listen at \(path)") { () throws(CallFailure) in
      try Calls.listen(socket.descriptor, backlog: 4)
    }
    return socket
  }

  private func removeStaleFile() throws(Problem) {
    let facts = try attempt("look at \(path)") { () throws(CallFailure) in
      try Calls.facts(of: path, followingLinks: false)
    }
    guard facts.mode & 0o170_000 == 0o140_000 else { throw .isOccupied(path) }
    let probe = try attempt("make a socket") { () throws(CallFailure) in
      ReceivedFile(owning: try Calls.makeSocket())
    }
    let connectionRefused: Int32 = 111
    do throws(CallFailure) {
      try Calls.connect(probe.descriptor, to: path)
    } catch {
      guard error.errno == connectionRefused else {
        throw .system("connect to \(path)", LinuxErrno(rawValue: error.errno))
      }
      try attempt("remove \(path)") { () throws(CallFailure) in try Calls.removeFile(path) }
      return
    }
    throw .isServed(path)
  }

  private func attempt<Value>(
    _ what: String, _ body: () throws(CallFailure) -> Value
  ) throws(Problem) -> Value {
    do throws(CallFailure) { return try body() } catch {
      throw .system(what, LinuxErrno(rawValue: error.errno))
    }
  }

  /// Waits for a client and serves it; whether to wait for another.
  private func serveNext(_ listener: ReceivedFile) -> Bool {
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
    let isWanted = state.withLock { state in
      if !state.hasEnded { state.connection = channel }
      return !state.hasEnded
    }
    guard isWanted else { return false }
    serve(channel)
    return state.withLock { state in
      state.connection = nil
      return !state.hasEnded
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
    let reason = Self.run(channel, dispatcher)
    channel.shutDown()
    requester.table.close()
    outbox.close()
    dispatcher.end()
    observe(.disconnected(reason))
  }

  /// Handles messages until the connection is to end; answers why.
  package static func run(_ channel: any Channel, _ dispatcher: UserDispatcher) -> String {
    var reader = MessageReader()
    var files: [ReceivedFile] = []
    while true {
      let header: UserHeader
      do throws(MessageReader.Stop) {
        header = try reader.next(from: channel, files: &files)
      } catch {
        return error.words
      }
      if header.type == 1 {
        dispatcher.take(header, &reader, files)
      } else if case .disconnect(let why) = dispatcher.handle(header, reader.payload, files) {
        return why
      }
      if !files.isEmpty { files.removeAll() }
    }
  }
}

extension MessageReader.Stop {
  /// The reason in words.
  package var words: String {
    switch self {
    case .end: "the client closed the connection"
    case .cutShort: "the client closed the connection within a message"
    case .size(let size): "a header states a message of \(size) bytes"
    case .descriptors: "too many descriptors came"
    case .failed(let errno): "the connection failed: \(errno)"
    }
  }
}
