import HostABI
import HostSystem
import Synchronization
import Testing

@testable import VFIOUser

/// What a server told its observer.
final class SeenEvents: UserServerObserver {
  private let seen = Mutex<[UserServerEvent]>([])

  func note(_ event: UserServerEvent) { seen.withLock { $0.append(event) } }

  var all: [UserServerEvent] { seen.withLock { $0 } }

  var refusals: [String] {
    all.compactMap { event in
      if case .refused(let message, _, let errno) = event { "\(message) \(errno)" } else { nil }
    }
  }

  var endings: [String] {
    all.compactMap { event in
      if case .disconnected(let why) = event { why } else { nil }
    }
  }
}

/// A server with a sample device, on a socket of its own.
final class Served {
  let device: SampleDevice
  let events = SeenEvents()
  let server: UserServer
  var path: String { server.path }

  init(
    _ device: SampleDevice = SampleDevice(), replyMilliseconds: Int64 = 60_000,
    patience: (turn: Int64, version: Int64, parting: Int64) = Served.patience
  ) throws {
    self.device = device
    server = UserServer(
      path: Served.freshPath(), device: device, observer: events,
      replyMilliseconds: replyMilliseconds, patience: patience)
    try server.start()
  }

  deinit { server.stop() }

  /// What only ends a test that hangs, however slow the machine is.
  static let patience: (turn: Int64, version: Int64, parting: Int64) = (60_000, 60_000, 60_000)

  /// A server at a path of the test's, which the test starts and stops.
  static func server(at path: String) -> UserServer {
    UserServer(
      path: path, device: SampleDevice(), observer: nil, replyMilliseconds: 60_000,
      patience: patience)
  }

  static func freshPath() -> String {
    "/tmp/passage-\(Calls.ownProcess)-\(UInt64.random(in: 0..<(1 << 60))).sock"
  }

  /// A client that has agreed on a version.
  func client(
    _ memory: (any UserClientMemory)? = nil, _ capabilities: UserCapabilities = .init()
  ) throws -> UserClient {
    let client = try UserClient(path: path, memory: memory)
    _ = try client.negotiate(capabilities)
    return client
  }

  /// A client of a server with little patience: one that was too slow for it tries again.
  func promptClient() throws -> UserClient {
    var client: UserClient?
    _ = eventually {
      client = try? self.client()
      return client != nil
    }
    return try client ?? self.client()
  }

  /// A bare connection.
  func channel() throws -> SocketChannel {
    let socket = ReceivedFile(owning: try Calls.makeSocket())
    try Calls.connect(socket.descriptor, to: path)
    return SocketChannel(socket)
  }
}

/// Waits until something holds, at most for some minutes.
func eventually(_ holds: () -> Bool) -> Bool {
  for _ in 0..<120_000 {
    if holds() { return true }
    Calls.pause(microseconds: 1000)
  }
  return holds()
}

/// Descriptors of this process that stand for something other tests do not open.
func memoryFile(_ byteCount: Int = 0x10000) throws -> ReceivedFile {
  ReceivedFile(owning: try Calls.makeMemoryFile(byteCount))
}

/// A payload as hexadecimal digits, spaces for readers.
func hex(_ text: String) -> [UInt8] {
  let digits = text.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count - 1, by: 2).map {
    UInt8(digits[$0] << 4 | digits[$0 + 1])
  }
}
