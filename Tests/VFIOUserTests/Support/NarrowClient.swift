import HostABI
import HostSystem
import Hardware
import Synchronization

@testable import VFIOUser

/// A client that reads messages about its memory as QEMU 10.1 does: the count has 32 bits, the bytes
/// stand right behind it, and a message is four bytes longer than that.
final class NarrowClient: Sendable {
  static let byteCount = 1 << 20
  let memory = Mutex([UInt8](repeating: 0, count: NarrowClient.byteCount))
  /// How many writes came, by their count.
  let writes = Mutex<[Int]>([])
  private let channel: SocketChannel
  private let thread = Mutex<ServiceThread?>(nil)

  /// Agrees on a version, and serves from then on.
  init(_ served: Served) throws {
    let channel = try served.channel()
    self.channel = channel
    var capabilities = UserCapabilities()
    capabilities.canWriteMany = true
    let version = Requester.message(
      UserHeader(id: 1, command: .version, byteCount: 0),
      [0, 0, 0, 0] + capabilities.encoded())
    _ = try channel.send(version.span, [])
    let thread = ServiceThread { [weak self] in
      self?.serve()
      return false
    }
    self.thread.withLock { $0 = thread }
    thread.poke()
  }

  func disconnect() {
    channel.shutDown()
    thread.withLock { $0.take() }?.stop()
  }

  private func serve() {
    var reader = MessageReader()
    var files: [ReceivedFile] = []
    while let header = try? reader.next(from: channel, files: &files) {
      if header.isReply { continue }
      var reply = UserHeader(
        id: header.id, command: header.command, byteCount: 0, flags: UserHeader.reply)
      let payload = reader.payload
      guard let address = payload.little(UInt64.self, at: 0),
        let count = payload.little(UInt32.self, at: 8).map({ Int($0) })
      else { return }
      var answer: [UInt8] = []
      if header.command == .readDMA {
        let bytes = memory.withLock { Array($0[Int(address)..<Int(address) + count]) }
        answer =
          MessageBuilder().adding(address).adding(UInt32(count)).adding(bytes)
          .adding(UInt32(0)).bytes
      } else if count <= Int(header.byteCount) - 32 {
        let bytes = [UInt8](copying: payload.extracting(12..<12 + count))
        memory.withLock { $0.replaceSubrange(Int(address)..<Int(address) + count, with: bytes) }
        writes.withLock { $0.append(count) }
      } else {
        let tooBig: UInt32 = 7
        reply.flags |= UserHeader.failed
        reply.error = tooBig
      }
      _ = try? channel.send(Requester.message(reply, answer).span, [])
    }
  }
}
