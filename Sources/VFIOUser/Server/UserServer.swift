public import HostABI
import HostSystem
import Synchronization

/// A vfio-user server: one socket with one device behind it.
///
/// One client is served at a time, on a thread of the server's. When it is gone, its mappings and
/// interrupts are too, and the next may come. One that comes earlier waits a second, in which the
/// first may end, and is refused then.
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

  struct State {
    var listener: ReceivedFile?
    /// The client that is served, or about to be.
    var connection: SocketChannel?
    /// It waits for the thread that serves.
    var isWaiting = false
    var acceptor: ServiceThread?
    var worker: ServiceThread?
    var file: FileIdentity?
    var hasEnded = false
  }

  /// Where the socket is.
  public let path: String
  let device: any UserDevice
  let observer: (any UserServerObserver)?
  let replyMilliseconds: Int64
  /// How long a client waits for another to end, for a version to be agreed on, and is waited for when
  /// it is refused.
  let patience: (turn: Int64, version: Int64, parting: Int64)
  let state = Mutex(State())
  /// Given when a client is gone.
  let isFree = TimedSignal()

  /// Makes a server that does not listen yet.
  ///
  /// - Parameters:
  ///   - path: Where the socket is to be, at most 107 bytes.
  ///   - device: What stands behind it.
  ///   - observer: Who hears what happens.
  ///   - replyMilliseconds: How long a client may take to answer a message of ours.
  public convenience init(
    path: String, device: any UserDevice, observer: (any UserServerObserver)? = nil,
    replyMilliseconds: Int64 = 5000
  ) {
    self.init(
      path: path, device: device, observer: observer, replyMilliseconds: replyMilliseconds,
      patience: (1000, 10_000, 100))
  }

  init(
    path: String, device: any UserDevice, observer: (any UserServerObserver)?,
    replyMilliseconds: Int64, patience: (turn: Int64, version: Int64, parting: Int64)
  ) {
    self.path = path
    self.device = device
    self.observer = observer
    self.replyMilliseconds = replyMilliseconds
    self.patience = patience
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
    let worker = ServiceThread { [weak self] in
      self?.serveWaiting()
      return false
    }
    let acceptor = ServiceThread { [weak self] in self?.acceptNext(listener) ?? false }
    state.withLock { state in
      state.listener = listener
      state.file = file
      state.acceptor = acceptor
      state.worker = worker
    }
    observer?.note(.listening(path: path))
    acceptor.poke()
  }

  /// Ends the connection and the server, and removes the socket file; returns when the device is
  /// called no more.
  ///
  /// From a call of the device itself it returns at once.
  public func stop() {
    let (acceptor, worker, file) = state.withLock { state in
      state.hasEnded = true
      if let listener = state.listener { Calls.shutDown(listener.descriptor) }
      state.connection?.shutDown()
      defer {
        state.acceptor = nil
        state.worker = nil
        state.file = nil
        state.listener = nil
      }
      return (state.acceptor, state.worker, state.file)
    }
    isFree.give()
    // Only our own file: another server may have replaced it.
    if let file, let now = try? Calls.facts(of: path, followingLinks: false).identity, now == file {
      try? Calls.removeFile(path)
    }
    acceptor?.stop()
    worker?.stop()
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
}
