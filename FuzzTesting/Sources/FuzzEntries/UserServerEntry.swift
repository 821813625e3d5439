import HostABI
import Synchronization

@testable import VFIOUser

/// What a hostile client says to a vfio-user server, without a socket.
///
/// - byte: bit 0 a version is agreed on first; bit 1 a device that migrates and tracks its writes;
///   bit 2 the stream comes in pieces of one byte
/// - operations until the end, at most 300; see ``UserStream``
enum UserServerEntry {
  static func run(_ bytes: [UInt8]) {
    let first = exchange(bytes, cutSmall: false)
    // Descriptors belong to the piece that they come with, so other cuts may give them to others.
    guard !first.hadFiles else { return }
    let second = exchange(bytes, cutSmall: true)
    require(first.sent == second.sent, "the cuts of a stream change the replies")
    require(first.calls == second.calls, "the cuts of a stream change what the device hears")
  }

  private struct Exchange {
    var sent: [UInt8]
    var calls: [String]
    var hadFiles: Bool
  }

  private static func exchange(_ bytes: [UInt8], cutSmall: Bool) -> Exchange {
    var feed = ByteFeed(bytes)
    let kind = feed.byte()
    let device = StrictUserDevice(migrates: kind & 2 != 0)
    let stream = UserStream(device, cutsSmall: cutSmall || kind & 4 != 0)
    if kind & 1 != 0 { stream.agree() }
    stream.read(&feed)
    let outbox = Outbox(stream)
    let requester = Requester(outbox, milliseconds: 1)
    requester.adoptThread()
    let refusals = Mutex(0)
    let dispatcher = UserDispatcher(device, requester: requester) { event in
      if case .refused(_, let why, _) = event {
        require(!why.isEmpty, "a refusal without words")
        refusals.withLock { $0 += 1 }
      }
    }
    let reason = UserServer.run(stream, dispatcher)
    require(!reason.isEmpty, "a connection ended without a reason")
    requester.table.close()
    outbox.close()
    dispatcher.end()
    device.checkEnd()
    stream.checkReplies()
    stream.checkFiles()
    return Exchange(
      sent: stream.sent, calls: device.calls, hadFiles: stream.hadFiles)
  }
}
